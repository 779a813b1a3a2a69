// The words of Streamlit's uploader in the reader's language: it has no option for them.
export default function ({ data }) {
  const style = document.getElementById("uploader-words") ?? Object.assign(document.createElement("style"), { id: "uploader-words" })
  const quoted = text => JSON.stringify(text.replace(/[\n\r]/g, " "))
  style.textContent = `
    [data-testid="stFileUploaderDropzoneInstructions"] > * { display: none !important; }
    [data-testid="stFileUploaderDropzoneInstructions"]::after { content: ${quoted(data.hint)}; }
    @media (hover: none) { [data-testid="stFileUploaderDropzoneInstructions"] { display: none !important; } }
    [data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"] { font-size: 0; }
    [data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"]::after { content: ${quoted(data.button)}; font-size: 0.95rem; }`
  document.head.append(style)
  const name = () => document.querySelectorAll('[data-testid="stFileUploaderDropzone"] button').forEach(one => one.setAttribute("aria-label", data.button))
  name()
  const later = setTimeout(name, 500)
  return () => { clearTimeout(later); style.remove() }
}

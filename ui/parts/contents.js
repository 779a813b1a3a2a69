// A list of links, one of them marked.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".contents")
  root.replaceChildren(...data.lines.map(one => {
    const link = Object.assign(document.createElement("a"), { textContent: one.title, href: one.href, className: one.now ? "now" : "" })
    link.dataset.visit = ""
    return link
  }))
}

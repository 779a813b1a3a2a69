// Bars from 0 to 100 per cent, one line each: a name (perhaps a link), the bar, the number beside it, and of how many it is made.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".bars")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const list = make("ul")
  list.append(...data.lines.map(one => {
    const line = make("li"), name = make(one.href ? "a" : "span", "name", one.name), bar = make("div", "bar"), fill = make("i")
    if (one.href) {
      name.href = one.href
      name.dataset.visit = ""
    }
    fill.style.width = Math.min(Math.max(one.share, 0), 100) + "%"
    bar.setAttribute("aria-hidden", "true") // the number beside it says the same
    bar.append(fill)
    line.append(name, bar, make("b", "", one.value), make("span", "quiet", one.note))
    return line
  }))
  root.replaceChildren(...(data.title ? [make("h2", "", data.title)] : []), list, ...(data.note ? [make("p", "quiet", data.note)] : []))
}

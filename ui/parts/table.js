// A list: its count, its rows (a row is a link), its pages. On narrow screens rows become cards (table.css).
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".table")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const visit = (text, css, address) => {
    const link = make("a", css, text)
    link.href = address
    link.dataset.visit = ""
    return link
  }
  const head = make("tr")
  for (const column of data.columns) {
    const cell = make("th", column.css, column.href ? null : column.label)
    if (column.href) {
      const link = visit(column.label, "", column.href)
      if (column.arrow) {
        link.append(make("span", "icon", column.arrow === "up" ? "arrow_upward" : "arrow_downward"))
        cell.setAttribute("aria-sort", column.arrow === "up" ? "ascending" : "descending")
      }
      cell.append(link)
    }
    head.append(cell)
  }
  const body = make("tbody")
  for (const row of data.rows) {
    const line = make("tr", row.href ? "row" : "")
    let link = null
    data.columns.forEach((column, place) => {
      const [text, tone] = row.cells[place]
      const cell = make("td", column.css)
      cell.dataset.label = column.label
      const pencil = () => {
        if (!column.edits || row.id === undefined) return
        const edit = visit("", "pencil", `${data.edit}&id=${row.id}&field=${encodeURIComponent(column.edits)}`)
        edit.setAttribute("aria-label", `${data.pencil}: ${column.label}`)
        edit.append(make("span", "icon", "edit"))
        cell.append(edit)
      }
      if (!text) { pencil(); line.append(cell); return }
      if (column.tag || tone) cell.append(make("span", "tag " + (tone || ""), text))
      else if (row.href && !link) cell.append(link = visit(text, "", row.href))
      else if (column.css.includes("grow")) cell.append(make("span", "few", text)) // its title has the rest
      else cell.textContent = text
      pencil()
      if (text.length > 28) cell.title = text
      line.append(cell)
    })
    line.onclick = event => { if (link && !event.target.closest("a") && !String(getSelection())) link.click() }
    body.append(line)
  }
  const table = make("table"), thead = make("thead"), over = make("div", "over")
  thead.append(head)
  table.append(thead, body)
  over.append(table)
  const pages = make("nav", "pages")
  for (const one of data.pages) {
    pages.append(one.href ? visit(one.text, "", one.href) : make("span", one.now ? "now" : "quiet", one.text))
  }
  root.replaceChildren(...(data.count ? [make("p", "count", data.count)] : []), over, ...(data.pages.length ? [pages] : []))
}

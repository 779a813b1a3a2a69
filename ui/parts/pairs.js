// Columns of a file and what they become: one native choice per column; the page is told what was chosen, code by heading.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".pairs")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  // What was chosen stays while the page draws itself again; another version of the record begins anew.
  if (root.dataset.version !== data.version) { root.dataset.version = data.version; root.chosen = { ...data.chosen } }
  const chosen = root.chosen
  const focused = parentElement.activeElement ?? root.getRootNode().activeElement
  const kept = focused?.dataset?.heading
  const head = make("tr"), body = make("tbody")
  for (const label of data.labels) head.append(make("th", "", label))
  for (const { heading, examples } of data.columns) {
    const line = make("tr", chosen[heading] ? "" : "unused")
    const select = make("select")
    select.dataset.heading = heading
    select.setAttribute("aria-label", `${data.labels[2]}: ${heading}`)
    const none = make("option", "", data.none)
    none.value = ""
    select.append(none)
    for (const [code, name] of data.fields) { const option = make("option", "", name); option.value = code; select.append(option) }
    select.value = chosen[heading] ?? ""
    select.onchange = () => {
      if (select.value) chosen[heading] = select.value; else delete chosen[heading]
      line.className = select.value ? "" : "unused"
      setStateValue("chosen", { ...chosen })
    }
    const box = make("td", "choice"), name = make("th", "", heading), some = make("td", "examples", examples)
    name.scope = "row"
    some.title = examples
    box.append(select)
    line.append(name, some, box)
    body.append(line)
  }
  const table = make("table"), thead = make("thead")
  thead.append(head)
  table.append(thead, body)
  root.replaceChildren(table)
  if (kept !== undefined) [...root.querySelectorAll("select")].find(one => one.dataset.heading === kept)?.focus()
}

// Counters: large number, thin bar with the mark of today's pace, what is left.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".counters")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text) node.textContent = text
    return node
  }
  const card = one => {
    const node = make("div", "one"), many = make("div", "many", one.done), bar = make("div", "bar"), left = make("div", "left")
    node.dataset.plan = one.id
    many.append(make("small", "", " " + one.of))
    const fill = make("i"), pace = make("b")
    fill.style.width = one.share + "%"
    pace.style.left = one.pace + "%"
    pace.title = one.hint
    bar.append(fill, pace)
    left.append(make("span", "", one.left), make("span", one.tone, one.word))
    const head = make("div", "what", one.what)
    head.append(make("span", "when", one.when))
    node.append(head, many, bar, left)
    return node
  }
  const named = group => {
    const name = make("h2", "", group.href ? "" : group.who)
    if (group.href) {
      const link = make("a", "", group.who)
      link.href = group.href
      link.dataset.visit = ""
      name.append(link)
    }
    return name
  }
  const told = JSON.stringify(data)
  if (root.dataset.told === told) return
  root.dataset.told = told
  root.replaceChildren(...data.groups.map(group => {
    const holder = make("section"), grid = make("div", "grid")
    grid.append(...group.counters.map(card))
    holder.append(named(group), grid)
    return holder
  }))
}

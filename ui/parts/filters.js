// A row of filters. What is chosen goes into the address as codes; the page reads the address.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".filters")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const choose = (param, value) => {
    const query = new URLSearchParams(location.search)
    if (value) query.set(param, value); else query.delete(param)
    query.delete("page")
    history.pushState({}, "", location.pathname + (String(query) ? "?" + query : ""))
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }))
  }
  const typing = root.querySelector("input:focus")
  const kept = typing ? { param: typing.name, value: typing.value, at: typing.selectionStart } : null
  const nodes = data.filters.map(filter => {
    if (filter.kind === "text") {
      const box = make("input", filter.value ? "on" : "")
      Object.assign(box, { type: "search", name: filter.param, placeholder: filter.label, value: filter.value, maxLength: 120, autocomplete: "off" })
      box.setAttribute("aria-label", filter.label)
      let timer = 0
      box.oninput = () => { clearTimeout(timer); timer = setTimeout(() => choose(filter.param, box.value.trim()), 350) }
      return box
    }
    if (filter.kind === "switch") {
      const button = make("button", "button" + (filter.value ? " on" : ""), filter.label)
      button.type = "button"
      button.setAttribute("aria-pressed", String(Boolean(filter.value)))
      button.onclick = () => choose(filter.param, filter.value ? "" : "1")
      return button
    }
    const select = make("select", filter.value ? "on" : "")
    select.setAttribute("aria-label", filter.label)
    select.name = filter.param
    const all = make("option", "", filter.label)
    all.value = ""
    select.append(all)
    for (const [code, name] of filter.options) { const option = make("option", "", name); option.value = code; select.append(option) }
    select.value = filter.value
    select.onchange = () => choose(filter.param, select.value)
    return select
  })
  if (data.filters.some(filter => filter.value)) {
    const reset = make("a", "button bare", "")
    reset.href = location.pathname
    reset.dataset.visit = ""
    reset.append(make("span", "icon", "close"), data.reset)
    nodes.push(reset)
  }
  root.replaceChildren(...nodes)
  const box = kept && [...root.querySelectorAll("input")].find(one => one.name === kept.param)
  if (box) { box.value = kept.value; box.focus(); box.setSelectionRange(kept.at, kept.at) }
}

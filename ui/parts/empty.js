// An empty state: why it is empty and the next step.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".empty")
  const icon = Object.assign(document.createElement("span"), { className: "icon", textContent: data.icon, ariaHidden: "true" })
  const sentence = Object.assign(document.createElement("p"), { textContent: data.sentence })
  const nodes = [icon, sentence]
  if (data.button) {
    const link = Object.assign(document.createElement("a"), { className: "button", textContent: data.button, href: data.href })
    link.dataset.visit = ""
    nodes.push(link)
  }
  root.replaceChildren(...nodes)
}

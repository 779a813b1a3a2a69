// The strip above every page: look-up, language, bell, person. It also makes links of the parts visits inside the app,
// keeps the first field of a dialog ready to type into, and heals the page after a restart of the server.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".strip")
  const words = data.words
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const visit = address => {
    history.pushState({}, "", address)
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }))
  }
  const again = () => visit(location.pathname + location.search)
  const ask = (address, options = {}) =>
    fetch(address, { cache: "no-store", credentials: "same-origin", ...options }).then(answer => {
      if (!answer.ok) throw new Error(String(answer.status))
      return answer.status === 204 ? null : answer.json()
    })

  // --- look-up ---------------------------------------------------------------
  const find = make("div", "find")
  const box = make("input")
  Object.assign(box, { type: "search", placeholder: innerWidth > 640 ? words.find : words.find_short, autocomplete: "off", spellcheck: false, maxLength: 120 })
  box.setAttribute("aria-label", words.find)
  box.setAttribute("role", "combobox")
  const found = make("div", "drop")
  found.hidden = true
  found.setAttribute("role", "listbox")
  find.append(make("span", "icon", "search"), box, make("kbd", "", "/"), found)
  let asked = 0, timer = 0, chosen = -1
  const mark = place => {
    const links = [...found.querySelectorAll("a")]
    if (!links.length) return
    chosen = (place + links.length) % links.length
    links.forEach((link, at) => link.classList.toggle("on", at === chosen))
    links[chosen].scrollIntoView({ block: "nearest" })
  }
  const show = nodes => { found.replaceChildren(...nodes); found.hidden = false; chosen = -1 }
  const look = async () => {
    const text = box.value.trim(), mine = ++asked
    if (!text) { found.hidden = true; return }
    try {
      const answer = await ask("/find?q=" + encodeURIComponent(text))
      if (mine !== asked) return
      if (answer.short) return show([make("p", "", words.short)])
      if (!answer.found.length) return show([make("p", "", words.nobody)])
      show(answer.found.map(one => {
        const link = make("a")
        link.href = "/customer?id=" + one.id
        link.dataset.visit = ""
        const head = make("div", "hit")
        head.append(make("b", "", one.name), make("span", "why", one.why))
        link.append(head, make("small", "", one.line), make("small", "", one.last))
        return link
      }))
      mark(0)
    } catch { if (mine === asked) show([make("p", "", words.away)]) }
  }
  box.oninput = () => { clearTimeout(timer); timer = setTimeout(look, 140) }
  box.onfocus = () => { if (box.value.trim()) look() }
  box.onkeydown = event => {
    if (event.key === "ArrowDown") { event.preventDefault(); mark(chosen + 1) }
    if (event.key === "ArrowUp") { event.preventDefault(); mark(chosen - 1) }
    if (event.key === "Escape") { found.hidden = true; box.blur() }
    if (event.key === "Enter") found.querySelectorAll("a")[Math.max(chosen, 0)]?.click()
  }

  // --- menus -------------------------------------------------------------------
  const menu = (icon, label, hint, fill) => {
    const holder = make("div", "menu"), button = make("button", "button bare"), drop = make("div", "drop")
    button.type = "button"
    button.title = hint
    button.setAttribute("aria-label", hint)
    button.setAttribute("aria-haspopup", "true")
    button.append(make("span", "icon", icon), ...(label ? [label] : []))
    drop.hidden = true
    button.onclick = () => { const open = drop.hidden; closeAll(); drop.hidden = !open; if (open) fill(drop) }
    holder.append(button, drop)
    return holder
  }
  const closeAll = () => root.querySelectorAll(".drop").forEach(drop => { drop.hidden = true })
  const line = (text, act) => { const button = make("button", "line", text); button.type = "button"; button.onclick = act; return button }
  const languages = menu("language", make("span", "", data.language.toUpperCase()), words.language, drop => drop.replaceChildren(
    ...Object.entries(data.languages).map(([code, name]) => line(name, async () => {
      closeAll()
      await ask("/language", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code }) })
      document.documentElement.lang = code
      again()
    }))))
  const bell = menu(data.unread ? "notifications_unread" : "notifications", data.unread ? make("span", "count", data.unread) : null,
    words.bell, async drop => {
      drop.replaceChildren(make("p", "", words.wait))
      try {
        const answer = await ask("/bell")
        const lines = answer.entries.map(one => {
          const entry = make(one.href ? "a" : "p")
          if (one.href) { entry.href = one.href; entry.dataset.visit = "" }
          const text = make("div")
          if (one.unread) text.append(make("span", "dot"))
          text.append(one.text)
          entry.append(text, make("small", "", one.at))
          return entry
        })
        drop.replaceChildren(...(lines.length ? lines : [make("p", "", words.quiet)]))
        if (answer.entries.some(one => one.unread)) {
          const read = line(words.read, async () => { closeAll(); await ask("/bell/read", { method: "POST" }); again() })
          read.classList.add("foot")
          drop.append(read)
        }
      } catch { drop.replaceChildren(make("p", "", words.away)) }
    })
  const leave = () => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/sign-out" })
    document.body.append(form)
    form.submit()
  }
  const person = menu("account_circle", make("span", "name", data.name), data.name, drop => {
    const inside = (text, address) => {
      const link = make("a", "", text)
      link.href = address
      link.dataset.visit = ""
      return link
    }
    const out = line(words.leave, leave)
    out.classList.add("foot")
    drop.replaceChildren(inside(words.account, "/account"), inside(words.help, data.help), out)
  })
  const side = make("div", "side")
  side.append(languages, bell, person)
  const typed = root.querySelector("input")?.value ?? ""
  root.replaceChildren(...(data.finds ? [find] : [make("span")]), side)
  box.value = typed

  // --- the whole page ------------------------------------------------------------
  const link = event => event.composedPath().find(node => node.dataset && "visit" in node.dataset)
  const onClick = event => {
    const target = link(event)
    if (!event.composedPath().includes(root)) closeAll()
    if (!target || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    closeAll()
    if (target.closest(".find")) box.value = ""
    const address = new URL(target.href)
    visit(address.pathname + address.search)
  }
  const onKey = event => {
    // A dialog hears Escape only once it has taken the focus: whoever changes his mind before that presses it at the page.
    if (event.key === "Escape" && event.target === document.body) document.querySelector('[role="dialog"] > button[aria-label]')?.click()
    const typing = event.composedPath().some(node => node.matches?.("input, textarea, select, [contenteditable=true]"))
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === "/") { event.preventDefault(); box.focus() }
    const part = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
    const wanted = part.map(one => (one.shadowRoot ?? one.querySelector("*")?.shadowRoot ?? one).querySelector?.(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)).find(Boolean)
    if (wanted && !document.querySelector('[role="dialog"]')) { event.preventDefault(); wanted.click() }
  }

  // --- drafts: what was typed or chosen in a dialog stays in this tab until it is saved, through closing and reload ---------
  const DRAFTS = "rapport.drafts", MOST_DRAFTS = 20
  const FIELDS = 'textarea, input[type="text"]:not([role="combobox"])'
  const once = () => new URLSearchParams(location.search).get("once")
  const drafts = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(DRAFTS))
      return kept?.whose === data.name ? kept.drafts : {}
    } catch { return {} }
  }
  const note = (label, value) => {
    const key = once(), { [key]: mine, ...others } = drafts()
    if (!key || !label) return
    const newest = [...Object.entries(others), [key, { ...mine, [label]: value }]].slice(-MOST_DRAFTS)
    try { sessionStorage.setItem(DRAFTS, JSON.stringify({ whose: data.name, drafts: Object.fromEntries(newest) })) } catch { /* full */ }
  }
  const onInput = ({ target }) => {
    if (!target.matches?.(FIELDS) || !target.closest('[role="dialog"]')) return
    met.add(target)
    note(target.getAttribute("aria-label"), target.value)
  }
  const onChoice = ({ target }) => {
    const chip = target.closest?.('[role="dialog"] button[role="radio"]')
    if (chip) note(chip.closest('[role="radiogroup"]')?.getAttribute("aria-label"), chip.textContent)
  }
  // A slow machine draws one field after the other: each is filled when it is there, and never again what somebody types in.
  const met = new WeakSet()
  const restore = dialog => {
    if (!once()) return
    const kept = drafts()[once()] ?? {}
    for (const one of dialog.querySelectorAll(`${FIELDS}, [role="radiogroup"]`)) {
      if (met.has(one)) continue
      met.add(one)
      const value = kept[one.getAttribute("aria-label")]
      if (value === undefined || value === one.value) continue
      if (one.matches(FIELDS)) {
        Object.getOwnPropertyDescriptor(Object.getPrototypeOf(one), "value").set.call(one, value)
        one.dispatchEvent(new Event("input", { bubbles: true }))
        // outside a form a field is sent when it is left, and nobody leaves what he has not entered
        if (!one.closest('[data-testid="stForm"]')) setTimeout(() => one.dispatchEvent(new FocusEvent("focusout", { bubbles: true })))
      } else {
        const chip = [...one.querySelectorAll('button[role="radio"]')].find(each => each.textContent === value)
        if (chip?.getAttribute("aria-checked") === "false") chip.click()
      }
    }
  }
  const TYPED = "textarea, input:not([type=hidden]):not([type=file]):not([type=radio]):not([type=checkbox]):not([role=combobox])"
  const prepare = (dialog, tries = 0) => {
    if (!dialog.isConnected) return
    if (!once() && tries < 20) return setTimeout(prepare, 50, dialog, tries + 1)
    restore(dialog)
    aim(dialog)
  }
  // The dialog takes the focus to itself while it opens, on a slow machine after us: look again for a second.
  const aim = (dialog, tries = 0) => {
    const at = document.activeElement
    const idle = !dialog.contains(at) || at.getAttribute("role") === "dialog" || at.matches('[tabindex="-1"], button[aria-label]')
    if (idle) dialog.querySelector(TYPED)?.focus()
    if (tries < 8 && dialog.isConnected) setTimeout(aim, 150, dialog, tries + 1)
  }
  let known = null, soon = 0
  const meet = () => {
    const dialog = document.querySelector('[role="dialog"]')
    if (dialog === known) {
      if (dialog) soon ||= setTimeout(() => { soon = 0; restore(dialog) }, 80)
      return
    }
    const drawn = dialog?.querySelector(`${TYPED}, button[type=button]:not([aria-label])`)
    if (!dialog || drawn) known = dialog
    if (drawn) setTimeout(prepare, 80, dialog)
  }

  // --- what Streamlit's own widgets say, in the reader's language ---------------------------------------------------------
  const { labels, starts, texts, hidden } = data.native
  const spoken = text => {
    const start = Object.keys(starts).find(one => text.startsWith(one))
    return labels[text] ?? (start && `${starts[start]} ${text.slice(start.length)}`)
  }
  const reword = root => {
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT)
    for (let node = root; node; node = walk.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        const word = texts[node.data]
        // below this sentence Streamlit shows a command for its developers
        if (node.data.startsWith("Is Streamlit still running?")) node.parentElement.parentElement.querySelectorAll("pre").forEach(one => { one.style.display = "none" })
        if (word) node.data = word
        continue
      }
      for (const name of ["aria-label", "title", "placeholder", "alt"]) {
        const word = node.hasAttribute(name) && spoken(node.getAttribute(name))
        if (word && word !== node.getAttribute(name)) node.setAttribute(name, word)
      }
    }
  }
  const sheet = new CSSStyleSheet()
  // Streamlit writes white on the accent in both themes; on the light accent of the dark one nobody could read it
  // nor could an empty circle or the window before a dark page be told from what is behind them
  // on a telephone the menu's row stands above the page: the room that Streamlit leaves below it once more is not needed
  sheet.replaceSync(`${hidden} { display: none; }
    @media (max-width: 640px) { [data-testid="stMainBlockContainer"] { padding-top: 3.85rem; } }
    [data-testid^="stBaseButton-primary"]:not(:disabled) { color: Canvas; }
    [data-testid="stRadio"] label:not(:has(:checked)) > div > div:first-child { border-color: #808080; }
    [data-testid="stDialog"] { background: light-dark(rgb(29 35 34 / 0.3), rgb(0 0 0 / 0.6)); }`)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  const focus = new MutationObserver(changes => {
    meet()
    for (const one of changes) {
      if (one.type === "attributes") reword(one.target)
      for (const node of one.addedNodes) if (node.nodeType === Node.ELEMENT_NODE || node.nodeType === Node.TEXT_NODE) reword(node)
    }
  })
  let boot = data.boot
  const watch = setInterval(async () => {
    try {
      const answer = await fetch("/session", { cache: "no-store" })
      if (answer.status === 401) location.assign("/sign-in?ended=1&next=" + encodeURIComponent(location.pathname + location.search))
      const now = answer.headers.get("x-rapport-boot")
      if (answer.ok && now && now !== boot) { boot = now; setStateValue("boot", now) }
    } catch { /* the server is away; Streamlit says so itself */ }
  }, data.seconds * 1000)
  // The moment the connection is back, before anybody can press anything: a restarted server knows no dialog and no
  // fragment of this page until its script has run once, and would drop what is pressed in them.
  const app = document.querySelector('[data-testid="stApp"]')
  const connected = () => app?.dataset.testConnectionState === "CONNECTED"
  let online = connected()
  const back = new MutationObserver(() => {
    if (connected() && !online) setStateValue("boot", String(Date.now()))
    online = connected()
  })
  if (app) back.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] })
  document.addEventListener("click", onClick)
  document.addEventListener("click", onChoice, true) // chips keep their clicks to themselves
  document.addEventListener("input", onInput)
  document.addEventListener("keydown", onKey)
  focus.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label"] })
  meet() // a dialog may stand there already
  reword(document.body)
  return () => {
    clearInterval(watch)
    document.removeEventListener("click", onClick)
    document.removeEventListener("click", onChoice, true)
    document.removeEventListener("input", onInput)
    document.removeEventListener("keydown", onKey)
    focus.disconnect()
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter(one => one !== sheet)
    back.disconnect()
  }
}

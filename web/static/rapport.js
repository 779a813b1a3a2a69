// The screens' script before Streamlit's own: back to the sign-in the moment the server ends this sign-in.
// The gate closes the websocket with 4401 then; any other closing may be a restart or the network, so the server is asked.
(() => {
  "use strict"
  const SIGNED_OUT = 4401
  let leaving = false

  // The addresses of the server do not depend on the screen: saves Streamlit's guesses at every deep link.
  window.prerenderReady = false
  window.__streamlit = { BACKEND_BASE_URL: location.origin + "/", MAIN_PAGE_BASE_URL: location.origin + "/" }

  const toSignIn = () => {
    if (leaving) return
    leaving = true
    location.assign("/sign-in?ended=1&next=" + encodeURIComponent(location.pathname + location.search))
  }
  const ask = async () => {
    try {
      const answer = await fetch("/session", { method: "HEAD", cache: "no-store" })
      if (answer.status === 401) toSignIn()
    } catch { /* the server is away; Streamlit says so itself and connects again */ }
  }

  window.WebSocket = new Proxy(window.WebSocket, {
    construct(Socket, given) {
      const socket = new Socket(...given)
      socket.addEventListener("close", event => event.code === SIGNED_OUT ? toSignIn() : ask())
      return socket
    },
  })
  // A page that comes back from the browser's memory may belong to somebody who has signed out meanwhile.
  window.addEventListener("pageshow", event => event.persisted && ask())

  // A link to /sign-out signs out at once: a plain link may not change anything, a form may.
  document.addEventListener("click", event => {
    const link = event.target.closest?.("a[href]")
    if (!link || new URL(link.href).pathname !== "/sign-out") return
    event.preventDefault()
    event.stopPropagation()
    leaving = true
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/sign-out" })
    document.body.append(form)
    form.submit()
  }, true)
})()

// An invitation's link opens the page as `…/enrol#CODE`. The code is taken out of the address at once, so that it stays in
// no history and no bookmark.

/** The code that the page was opened with, if it was. */
export function takeInvitation(): string | null {
  const invited = /^(.*\/)enrol\/?$/.exec(location.pathname)
  if (!invited) return null
  const code = codeOf(location.hash)
  history.replaceState(null, '', `${invited[1]}#/`)
  return code
}

export function codeOf(hash: string): string | null {
  const code = hash.replace(/^#/, '').trim()
  return code === '' || code.startsWith('/') ? null : code
}

// What a worker imports by its address; `vite/client`, which says so elsewhere, brings the types of a page with it.
declare module '*?url' {
  const address: string
  export default address
}

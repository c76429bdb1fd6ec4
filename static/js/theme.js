// Puts the remembered theme on the page before its first paint. It is a classic script and not
// a module, since modules run after the first paint: the page would flash in the other theme.
(function () {
  try {
    const theme = localStorage.getItem("cartlog.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage the system's preference decides.
  }
})();

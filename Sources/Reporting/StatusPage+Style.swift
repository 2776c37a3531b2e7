// StatusPage+Style: how the status page looks. Pure.

extension StatusPage {
  /// The Plimsoll line: a disc with a bar through it.
  static let mark = """
    <svg viewBox="0 0 40 32" width="40" height="32" aria-hidden="true"><circle cx="20" cy="16" \
    r="11" fill="none" stroke="currentColor" stroke-width="3"/><path d="M2 16h36" \
    stroke="currentColor" stroke-width="3"/></svg>
    """

  /// Colours first, for a light and a dark background; then the page from top to bottom; then what
  /// is different on a narrow screen, where each row of a table is a card.
  static let style = """

    :root{--page:#f6f7f8;--card:#fff;--ink:#16202a;--soft:#5b6875;--line:#dde2e7;--busy:#c2410c;\
    --finishing:#7c3aed;--idle:#15803d;--reading:#0e7490;--kept:#2563eb;--closing:#64748b;\
    --starting:#a16207;--open:#b6c0ca;--link:#1d4ed8}
    @media (prefers-color-scheme:dark){:root{--page:#0f1419;--card:#171e26;--ink:#e6ebf0;\
    --soft:#94a3b2;--line:#29333d;--busy:#fb923c;--finishing:#c4b5fd;--idle:#4ade80;\
    --reading:#67e8f9;--kept:#93c5fd;--closing:#94a3b8;--starting:#fde047;--open:#475569;\
    --link:#93c5fd}}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
    body{margin:0;background:var(--page);color:var(--ink);\
    font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;\
    font-variant-numeric:tabular-nums}
    main{max-width:76rem;margin:0 auto;padding:1.5rem 1rem 3rem}
    i{font-style:normal}
    a{color:var(--link)}
    header{display:flex;gap:.9rem;align-items:flex-start;margin-bottom:1.25rem}
    header svg{flex:none;margin-top:.2rem}
    header div{min-width:0}
    h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.015em;margin:0;overflow-wrap:anywhere}
    header p{margin:.15rem 0 0;color:var(--soft)}
    header b{font-weight:600;color:var(--ink)}
    h2{font-size:1.05rem;margin:2rem 0 .6rem}h3{font-size:.9rem;margin:1rem 0 .4rem}
    .group{margin-top:2.5rem;border-top:2px solid var(--line)}
    .group h2{font-size:1.25rem;margin:1rem 0 0}.group>.more{margin:0 0 .6rem}
    h2 small{font-size:.8rem;font-weight:500;color:var(--soft)}
    small.idle{color:var(--idle)}small.starting{color:var(--starting)}\
    small.busy{color:var(--busy)}
    .load p{margin:0 0 .4rem;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;color:var(--soft)}
    .load b{font-size:1.5rem;line-height:1;letter-spacing:-.02em}
    .load .busy b{color:var(--busy)}.load .idle b{color:var(--idle)}
    .load .finishing b{color:var(--finishing)}
    .bar{display:flex;gap:2px;height:.6rem;border-radius:.3rem;overflow:hidden;\
    background:var(--line)}
    .bar .busy{background:var(--busy)}.bar .finishing{background:var(--finishing)}
    .bar .idle{background:var(--idle)}
    .facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(11.5rem,1fr));gap:.6rem;\
    margin:1.25rem 0 0}
    .facts div,.board,.scroll{background:var(--card);border:1px solid var(--line);\
    border-radius:.6rem}
    .facts div{padding:.6rem .8rem .7rem}
    dt{font-size:.8rem;color:var(--soft)}
    dd{margin:0;font-size:1.3rem;line-height:1.3;font-weight:600;letter-spacing:-.01em}
    dd small{display:block;font-size:.8rem;line-height:1.35;font-weight:400;letter-spacing:0;\
    color:var(--soft)}
    .board,.key i,.s{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
    .board{margin:0;padding:.7rem .9rem;line-height:1.6;letter-spacing:.08em;\
    overflow-wrap:anywhere;max-height:24rem;overflow-y:auto}
    .board i,.key i,.s{font-weight:700}
    i.idle{color:var(--idle)}i.starting{color:var(--starting)}i.reading{color:var(--reading)}
    i.busy{color:var(--busy)}i.kept{color:var(--kept)}i.closing{color:var(--closing)}
    i.finishing{color:var(--finishing)}i.open{color:var(--open)}
    .key{list-style:none;margin:.6rem 0 0;padding:0;display:flex;flex-wrap:wrap;\
    gap:.1rem 1.2rem;font-size:.85rem;color:var(--soft)}
    .key .absent{opacity:.6}
    .more{color:var(--soft);margin:.5rem 0 0}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;width:100%;font-size:.9rem}
    th,td{padding:.4rem .8rem;text-align:right;white-space:nowrap;vertical-align:top}
    th{font-size:.8rem;font-weight:500;color:var(--soft)}
    tbody tr{border-top:1px solid var(--line)}
    .t{text-align:left}
    td:last-child.t{white-space:normal;overflow-wrap:anywhere;min-width:18rem}
    footer{margin-top:2.5rem;color:var(--soft);font-size:.85rem}
    footer p{margin:.2rem 0}
    @media (max-width:44rem){
    main{padding:1rem .75rem 2rem}
    h1{font-size:1.25rem}
    .facts{grid-template-columns:repeat(2,minmax(0,1fr))}
    dd{font-size:1.1rem}
    .scroll{background:none;border:0;overflow:visible}
    table,tbody,tr,td{display:block;width:100%}
    thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
    tbody tr{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));column-gap:1.5rem;\
    background:var(--card);border:1px solid var(--line);border-radius:.6rem;\
    padding:.4rem .8rem;margin-bottom:.5rem}
    td.w{grid-column:1/-1}
    td,td.t{display:flex;gap:.8rem;justify-content:space-between;padding:.1rem 0;text-align:right;\
    white-space:normal;overflow-wrap:anywhere}
    td:last-child.t{min-width:0}
    td bdi{min-width:0}
    td::before{content:attr(data-k);color:var(--soft);flex:none}
    }

    """
}

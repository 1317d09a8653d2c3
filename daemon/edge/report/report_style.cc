#include "daemon/edge/report/report_style.h"

namespace faultline {

const std::string_view kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2126; --quiet: #5b6570; --line: #dde2e6; --panel: #f5f6f7;
  --link: #0b57d0; --reference: #c5cdd5; --window: #c2410c; --window-fill: #c2410c2e;
  --critical: #b3261e; --warning: #a15c00; --good: #1f7a3a; --band: #0b57d01f; --change: #0b57d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e5e8eb; --quiet: #9ba5af; --line: #2d343b; --panel: #1c2025;
    --link: #8ab4f8; --reference: #47515b; --window: #ff9a5c; --window-fill: #ff9a5c33;
    --critical: #ff8078; --warning: #e8b04a; --good: #62c884; --band: #8ab4f82b; --change: #8ab4f8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 52rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
  "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
a { color: var(--link); }
h1 { font-size: 1.5rem; line-height: 1.3; font-weight: 600; margin: .5rem 0 .75rem; }
h2 { font-size: 1.125rem; margin: 0 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .5rem 0; }
section { margin-top: 2.25rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.crumb, .note, .tick, footer { color: var(--quiet); font-size: .875rem; }
.badges { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; margin: 0;
  color: var(--quiet); font-size: .9375rem; }
.badge { font-weight: 600; }
.badge::before { content: "●"; margin-right: .35em; font-size: .75em; vertical-align: .12em; }
.critical { color: var(--critical); } .warning { color: var(--warning); }
.open { color: var(--critical); } .acknowledged { color: var(--warning); }
.resolved, .good { color: var(--good); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1rem 0 0;
  font-size: .9375rem; }
dt { color: var(--quiet); } dd { margin: 0; }
article { margin-top: 1.75rem; break-inside: avoid; }
article:first-of-type { margin-top: 0; }
.head { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; }
.rank { border-left: 3px solid var(--line); padding-left: .875rem; margin-top: 1.25rem;
  break-inside: avoid; }
.rank:first-of-type { border-left-color: var(--window); }
.rank p { margin: .25rem 0; }
ul { margin: .375rem 0; padding-left: 1.25rem; }
li { margin: .125rem 0; }
li.against { color: var(--quiet); }
svg { display: block; width: 100%; height: auto; margin: .5rem 0 0; overflow: visible; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  fill: var(--quiet); }
svg text.lane { fill: var(--ink); }
svg text.threshold { fill: var(--critical); }
svg .axis { stroke: var(--line); }
svg path.reference { fill: var(--reference); stroke: none; }
svg path.window { fill: var(--window-fill); stroke: var(--window); stroke-width: 1.5; }
svg .mean-reference { stroke: var(--quiet); stroke-dasharray: 2 3; }
svg .mean-window { stroke: var(--window); stroke-dasharray: 2 3; }
svg text.mean-reference, svg text.mean-window { stroke: none; }
svg text.mean-window { fill: var(--window); }
svg .threshold { stroke: var(--critical); stroke-dasharray: 5 4; }
svg text.threshold { stroke: none; }
svg path.score { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; }
svg circle.alarm { fill: var(--critical); }
svg .band { fill: var(--band); } svg .change { stroke: var(--change); }
svg rect.critical { fill: var(--critical); } svg rect.warning { fill: var(--warning); }
svg rect.over { opacity: .55; }
.key { display: flex; flex-wrap: wrap; gap: .125rem 1.25rem; font-size: .875rem;
  color: var(--quiet); margin: .25rem 0 0; }
.key span::before { content: ""; display: inline-block; width: .75rem; height: .75rem;
  margin-right: .4rem; vertical-align: -.08rem; background: var(--reference); }
.key span.window::before { background: var(--window-fill); border: 1.5px solid var(--window); }
.bars { display: grid; grid-template-columns: minmax(5rem, max-content) 1fr 6.5rem;
  gap: 0 .75rem; font-size: .875rem; margin-top: .75rem; align-items: center; }
.bars .label { grid-row: span 2; max-width: 14rem; }
.bars .track { height: .625rem; }
.bars .track span { display: block; height: 100%; min-width: 1px; background: var(--reference); }
.bars .track span.window { background: var(--window); }
.bars .share { white-space: nowrap; font-variant-numeric: tabular-nums; line-height: 1.25; }
.scroll { overflow-x: auto; margin-top: .75rem; }
/* Words stay whole; what is too wide scrolls. */
table { border-collapse: collapse; font-size: .875rem; min-width: 100%; overflow-wrap: break-word; }
th { text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:last-child:not(.number) { min-width: 14rem; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.events { list-style: none; padding: 0; margin: 0; font-size: .9375rem; }
.events li { display: grid; grid-template-columns: 10.5rem 1fr; gap: 0 1rem;
  padding: .3rem 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
.events time { color: var(--quiet); font-variant-numeric: tabular-nums; font-size: .875rem; }
details > summary { cursor: pointer; color: var(--link); margin: .5rem 0; font-size: .9375rem; }
code { font: .875em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--panel);
  padding: .1em .3em; border-radius: 3px; }
.promise { background: var(--panel); padding: .875rem 1rem; border-radius: 6px; margin: 0; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .75rem; }
.list a { text-decoration: none; color: inherit; }
.list a:hover .what { text-decoration: underline; }
.list li { list-style: none; padding: .75rem 0; border-bottom: 1px solid var(--line); }
.list ul, ul.list { padding: 0; }
.list .what { display: block; font-weight: 600; }
@media (max-width: 34rem) {
  body { padding: 1rem 1rem 3rem; }
  h1 { font-size: 1.25rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .events li { grid-template-columns: 1fr; }
  .bars { grid-template-columns: 1fr 5.5rem; }
  .bars .label { grid-row: auto; grid-column: 1 / -1; max-width: none; margin-top: .375rem; }
  svg text { font-size: 16px; }
}
@media print {
  :root {
    --paper: #fff; --ink: #000; --quiet: #444; --line: #bbb; --panel: #f2f2f2; --link: #000;
    --reference: #c5cdd5; --window: #b03a08; --window-fill: #b03a0826; --critical: #a01810;
    --warning: #8a4f00; --good: #176030; --band: #0b57d01f; --change: #0b57d0;
  }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  section { margin-top: 1.25rem; }
  .crumb, details { display: none; }
  .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)css";

}  // namespace faultline

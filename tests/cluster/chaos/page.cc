// The page of a run of chaos: HTML, style and script in one, nothing from elsewhere. The script
// draws what DATA holds as SVG.
#include "tests/cluster/chaos/history.h"

namespace hexad::chaos {

const char kPage[] = R"PAGE(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hexad chaos</title>
<style>
:root{--bg:#fbfaf7;--fg:#22252a;--soft:#6b7078;--line:#e3e0d8;--lane:#f1eee6;--good:#2e7d4f;
--bad:#c0392b;--acks:#3a6ea5;--p50:#2e7d4f;--p99:#c77d1e;--card:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#15171b;--fg:#e6e4de;--soft:#989ca5;--line:#2b2f36;
--lane:#1d2026;--good:#5fbf86;--bad:#ef6a5b;--acks:#6fa3dc;--p50:#5fbf86;--p99:#e6a34d;--card:#1b1e23}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:22px;margin:0 0 2px}
code{font:13px ui-monospace,monospace;color:var(--soft)}
.verdict{margin:14px 0 18px;padding:12px 16px;border-left:4px solid var(--good);background:var(--card);
border-radius:4px}
.verdict.bad{border-color:var(--bad)}
.cards{display:flex;gap:12px;flex-wrap:wrap;margin-bottom:18px}
.card{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:8px 14px;min-width:120px}
.card b{display:block;font-size:19px;font-weight:600}
.card span{color:var(--soft);font-size:12.5px}
.chart{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px;position:relative}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11.5px system-ui,sans-serif}
svg .name{fill:var(--fg);font-weight:600}
.bar{stroke:var(--card);stroke-width:1}
.bar:hover{stroke:var(--fg)}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin:10px 0 0;font-size:12.5px;color:var(--soft)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
#tip{position:absolute;pointer-events:none;display:none;background:var(--bg);border:1px solid var(--line);
border-radius:6px;padding:7px 10px;font-size:12.5px;max-width:340px;box-shadow:0 3px 14px #0003;z-index:2}
#tip b{font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;margin-top:22px;font-size:13.5px}
th,td{text-align:left;padding:5px 8px;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:500}
td:first-child,td:nth-child(2){font-variant-numeric:tabular-nums;white-space:nowrap}
tr.hot td{background:var(--lane)}
tr.proof td{color:var(--good)}tr.bad td{color:var(--bad)}
</style></head><body><main>
<h1>Hexad chaos, seed <span id="seed"></span></h1><code id="command"></code>
<div class="verdict" id="verdict"></div><div class="cards" id="cards"></div>
<div class="chart" id="chart"><div id="tip"></div></div>
<div class="legend" id="legend"></div>
<table><thead><tr><th>at</th><th>for</th><th>what was done</th><th>what came of it</th></tr></thead>
<tbody id="rows"></tbody></table>
</main><script>
const D = /*DATA*/null;
const COLOURS = {"kill -9":"#c0392b","pause":"#8e5ba6","cut off":"#d35f2d","mute":"#dd8452","deaf":"#e8a87c",
"no gossip":"#b9a44c","slow links":"#4c9aa8","slow disk":"#5b8db8","full disk":"#7a6a53","lost disk":"#6d4c41",
"power cut":"#1f2d3d","kill -9 writer":"#c0392b","pause writer":"#8e5ba6"};
const $ = id => document.getElementById(id), NS = "http://www.w3.org/2000/svg";
const el = (name, attributes, text) => { const e = document.createElementNS(NS, name);
  for (const k in attributes) e.setAttribute(k, attributes[k]); if (text !== undefined) e.textContent = text; return e; };
const clock = s => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
const us = v => v === 0 ? "none" : v < 1000 ? v + " µs" : v < 1e6 ? +(v / 1000).toPrecision(2) + " ms" : +(v / 1e6).toPrecision(2) + " s";
const num = v => v.toLocaleString("en-US");
const median = a => { a = [...a].sort((x, y) => x - y); return a.length ? a[a.length >> 1] : 0; };

$("seed").textContent = D.seed; $("command").textContent = D.command;
$("verdict").textContent = D.verdict; if (!D.good) $("verdict").classList.add("bad");
const busy = D.samples.filter(s => s[1] > 0);
for (const [value, name] of [[clock(D.seconds), "minutes"], [D.told.length, "episodes"],
  [D.bars.length, "faults"], [num(D.acked), "MTRs acknowledged"],
  [num(median(busy.map(s => s[1]))), "MTRs/s, median"], [us(median(busy.map(s => s[2]))), "commit p50, median"],
  [us(median(busy.map(s => s[3]))), "commit p99, median"]]) {
  const card = document.createElement("div"); card.className = "card";
  const b = document.createElement("b"), span = document.createElement("span");
  b.textContent = value; span.textContent = name; card.append(b, span); $("cards").append(card);
}

const W = 1130, LEFT = 64, RIGHT = 14, LANE = 22, TOP = 8, RATE = 110, LAT = 130, GAP = 26;
const lanesBottom = TOP + D.lanes.length * LANE, rateTop = lanesBottom + GAP, rateBottom = rateTop + RATE;
const latTop = rateBottom + GAP, latBottom = latTop + LAT, H = latBottom + 24;
const T = Math.max(D.seconds, 1), x = t => LEFT + (W - LEFT - RIGHT) * Math.min(t, T) / T;
const svg = el("svg", {viewBox: `0 0 ${W} ${H}`}); $("chart").append(svg);
D.lanes.forEach(([name, zone], i) => {
  const y = TOP + i * LANE;
  svg.append(el("rect", {x: LEFT, y: y + 2, width: W - LEFT - RIGHT, height: LANE - 4, fill: "var(--lane)", rx: 3}));
  svg.append(el("text", {x: 4, y: y + 15, class: "name"}, name));
  if (zone) svg.append(el("text", {x: 34, y: y + 15}, "az " + zone));
});
for (const [from, to, good, text] of D.proofs) {
  const r = el("rect", {x: x(from), y: TOP, width: Math.max(x(to) - x(from), 2), height: latBottom - TOP,
    fill: good ? "var(--good)" : "var(--bad)", opacity: .13});
  r.append(el("title", {}, text)); svg.append(r);
}
for (const [lane, kind, text, from, to] of D.bars) {
  const i = D.lanes.findIndex(l => l[0] === lane);
  const r = el("rect", {x: x(from), y: TOP + i * LANE + 3, width: Math.max(x(to) - x(from), 3), height: LANE - 6,
    rx: 2, fill: COLOURS[kind] || "#888", class: "bar"});
  r.append(el("title", {}, `${text}\n${clock(from)} to ${clock(to)} (${(to - from).toFixed(1)} s)`)); svg.append(r);
}
const writerLane = D.lanes.findIndex(l => l[0] === "writer");
for (const [at, why] of D.ends) {
  const c = el("circle", {cx: x(at), cy: TOP + writerLane * LANE + LANE / 2, r: 4, fill: "var(--p99)", class: "bar"});
  c.append(el("title", {}, `${clock(at)} the writer ended: ${why}`)); svg.append(c);
}

const columns = Math.min(D.samples.length, W - LEFT - RIGHT), buckets = [];
const per = Math.max(1, Math.ceil(D.samples.length / Math.max(columns, 1)));
for (let i = 0; i < D.samples.length; i += per) {
  const part = D.samples.slice(i, i + per), live = part.filter(s => s[1] > 0);
  buckets.push([part[part.length - 1][0], part.reduce((a, s) => a + s[1], 0) / part.length,
    median(live.map(s => s[2])), Math.max(0, ...live.map(s => s[3]))]);
}
const topRate = Math.max(1, ...buckets.map(b => b[1])) * 1.05, yRate = v => rateBottom - RATE * v / topRate;
const lo = 200, hi = Math.max(2e6, ...buckets.map(b => b[3]));
const yLat = v => latBottom - LAT * Math.log(Math.max(v, lo) / lo) / Math.log(hi / lo);
const grid = (y, label) => { svg.append(el("line", {x1: LEFT, x2: W - RIGHT, y1: y, y2: y, stroke: "var(--line)"}));
  svg.append(el("text", {x: LEFT - 6, y: y + 4, "text-anchor": "end"}, label)); };
grid(rateBottom, "0"); grid(yRate(topRate / 2), num(Math.round(topRate / 2))); grid(rateTop, num(Math.round(topRate)));
for (const v of [1e3, 1e4, 1e5, 1e6]) if (v <= hi) grid(yLat(v), us(v));
svg.append(el("text", {x: LEFT, y: rateTop - 7}, "acknowledged MTRs per second"));
svg.append(el("text", {x: LEFT, y: latTop - 7}, "commit latency: p50, p99"));
const gap = b => b[1] === 0;
if (buckets.length) {
  let area = `M${x(buckets[0][0])},${rateBottom}`;
  for (const b of buckets) area += `L${x(b[0]).toFixed(1)},${yRate(b[1]).toFixed(1)}`;
  svg.append(el("path", {d: area + `L${x(buckets[buckets.length - 1][0])},${rateBottom}Z`, fill: "var(--acks)", opacity: .75}));
}
for (const [index, colour] of [[3, "var(--p99)"], [2, "var(--p50)"]]) {
  let d = "", pen = "M";
  for (const b of buckets) { if (gap(b)) { pen = "M"; continue; }
    d += `${pen}${x(b[0]).toFixed(1)},${yLat(b[index]).toFixed(1)}`; pen = "L"; }
  svg.append(el("path", {d, fill: "none", stroke: colour, "stroke-width": 1.4}));
}
const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find(s => T / s <= 14) || 7200;
for (let t = 0; t <= T; t += step) svg.append(el("text", {x: x(t), y: H - 6, "text-anchor": "middle"}, clock(t)));

const cross = el("line", {y1: TOP, y2: latBottom, stroke: "var(--fg)", opacity: 0, "pointer-events": "none"}); svg.append(cross);
const rows = [];
svg.addEventListener("mousemove", event => {
  const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * W / box.width;
  if (at < LEFT || at > W - RIGHT) return;
  const t = (at - LEFT) / (W - LEFT - RIGHT) * T;
  cross.setAttribute("x1", at); cross.setAttribute("x2", at); cross.setAttribute("opacity", .4);
  const b = buckets.reduce((best, c) => Math.abs(c[0] - t) < Math.abs(best[0] - t) ? c : best, buckets[0] || [0, 0, 0, 0]);
  const active = [...new Set(D.bars.filter(bar => bar[3] <= t && t <= bar[4]).map(bar => bar[2]))];
  const tip = $("tip"); tip.replaceChildren();
  const line = (text, strong) => { const p = document.createElement(strong ? "b" : "div"); p.textContent = text; tip.append(p); };
  line(clock(t), true); line(`${num(Math.round(b[1]))} MTRs/s`); if (b[1]) line(`p50 ${us(b[2])}, p99 ${us(b[3])}`);
  for (const text of active) line(text);
  if (D.proofs.some(p => p[0] <= t && t <= p[1])) line("the proof: the load rests");
  tip.style.display = "block";
  tip.style.left = Math.min(event.clientX - box.left + 26, box.width - 220) + "px"; tip.style.top = (event.clientY - box.top + 14) + "px";
  rows.forEach(([from, to, row]) => row.classList.toggle("hot", from <= t && t <= to));
});
svg.addEventListener("mouseleave", () => { $("tip").style.display = "none"; cross.setAttribute("opacity", 0);
  rows.forEach(r => r[2].classList.remove("hot")); });
const used = new Set(D.bars.map(b => b[1].replace(" writer", "")));
for (const kind in COLOURS) { if (!used.has(kind)) continue;
  const s = document.createElement("span"), i = document.createElement("i"); i.style.background = COLOURS[kind];
  s.append(i, kind); $("legend").append(s); }
for (const [colour, name] of [["var(--p99)", "a writer ended by itself"], ["var(--good)", "proof"]]) {
  const s = document.createElement("span"), i = document.createElement("i"); i.style.background = colour; s.append(i, name); $("legend").append(s); }

const entries = [...D.told.map(t => ({from: t[0], to: t[1], what: t[2], effect: t[3], kind: t[4] ? "" : "bad"})),
  ...D.proofs.map(p => ({from: p[0], to: p[1], what: p[2] ? "proof" : "NOT PROVED", effect: p[3], kind: p[2] ? "proof" : "bad"}))];
entries.sort((a, b) => a.from - b.from);
for (const e of entries) {
  const row = document.createElement("tr"); if (e.kind) row.className = e.kind;
  for (const text of [clock(e.from), (e.to - e.from).toFixed(1) + " s", e.what, e.effect]) {
    const cell = document.createElement("td"); cell.textContent = text; row.append(cell); }
  rows.push([e.from, e.to, row]); $("rows").append(row);
}
</script></body></html>
)PAGE";

}  // namespace hexad::chaos

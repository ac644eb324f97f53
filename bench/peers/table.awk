# load clients system tps p50 p99 errors/s -> a row for each load and count of clients, medians over rounds.
function median(cell, field,   list, n, i, j, swap) {
  n = split(values[cell, field], list, " ")
  for (i = 2; i <= n; ++i)
    for (j = i; j > 1 && list[j] + 0 < list[j - 1] + 0; --j) { swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap }
  return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
function figures(cell) {
  if (!(cell in seen)) return sprintf("%8s %7s %7s", "-", "-", "-")
  return sprintf("%8.0f %7.2f %7.2f", median(cell, 4), median(cell, 5), median(cell, 6))
}
function ratio(row, peer) {
  if (!((row, "hexad") in seen) || !((row, peer) in seen)) return "-"
  return sprintf("%.2f", median(row SUBSEP "hexad", 4) / median(row SUBSEP peer, 4))
}
{
  row = $1 SUBSEP $2
  if (!(row in rows)) { rows[row] = 1; order[++count] = row }
  seen[row, $3] = 1
  for (field = 4; field <= 7; ++field) values[row SUBSEP $3, field] = values[row SUBSEP $3, field] " " $field
}
END {
  printf "%-22s %7s |%26s |%26s |%26s | tps Hexad over\n", "", "", "Hexad tps  p50 ms  p99 ms", "PostgreSQL    p50     p99", "MariaDB    p50     p99"
  printf "%-22s %7s |%26s |%26s |%26s | PostgreSQL MariaDB\n", "load", "clients", "", "", ""
  for (i = 1; i <= count; ++i) {
    row = order[i]
    split(row, names, SUBSEP)
    errors = (row, "hexad") in seen ? median(row SUBSEP "hexad", 7) : 0
    printf "%-22s %7s |  %s |  %s |  %s | %10s %7s%s\n", names[1], names[2], figures(row SUBSEP "hexad"), figures(row SUBSEP "postgresql"),
      figures(row SUBSEP "mariadb"), ratio(row, "postgresql"), ratio(row, "mariadb"), (errors > 0 ? sprintf("  (%.0f 40001/s)", errors) : "")
  }
}

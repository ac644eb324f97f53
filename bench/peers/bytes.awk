# load clients MTRs boxcar-bytes sent-bytes transactions -> bytes for each MTR, per load and count of clients.
{
  row = $1 SUBSEP $2
  if (!(row in mtrs)) order[++count] = row
  mtrs[row] += $3; any += $3; boxcars[row] += $4; sent[row] += $5
}
END {
  if (!any) { print "  not measured: the metrics showed no MTR"; exit }
  printf "%-22s %7s %10s %16s %22s\n", "load", "clients", "log bytes", "sent to six", "page shipping to six"
  for (i = 1; i <= count; ++i) {
    row = order[i]
    split(row, names, SUBSEP)
    if (mtrs[row] == 0) continue
    printf "%-22s %7s %10.0f %16.0f %22.0f\n", names[1], names[2], boxcars[row] / mtrs[row], sent[row] / mtrs[row], 6 * page
  }
}

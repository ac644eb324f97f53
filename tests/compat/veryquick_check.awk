# Compares what each file of veryquick said (results.txt of veryquick.sh: "file outcome errors tests
# cases-that-failed") with what is excluded ("file<tab>cases<tab>reason"; cases: * is the whole
# file, else names with a space between, in which * is any text). Fails on every difference.
function complain(what) { print "DIFFERS: " what; ++complaints }
function regex_of(pattern) {
  gsub(/[.+^$()\[\]{}|?\\]/, "\\\\&", pattern)
  gsub(/\*/, ".*", pattern)
  return "^" pattern "$"
}
FILENAME ~ /exclusions\.tsv$/ {
  if ($0 ~ /^#/ || $0 == "") next
  if (split($0, column, "\t") != 3 || column[3] == "") complain("not a row of three: " $0)
  row = ++rows[column[1]]
  cases[column[1], row] = column[2]
  reason[column[1], row] = column[3]
  if (column[2] == "*") { whole_file[column[1]] = 1; ++files_for[column[3]] }
  next
}
{
  name = $1; outcome = $2; seen[name] = 1; ++files
  if (outcome == "passed") {
    ++passed; tests += $4
    if (name in rows) complain(name " passes, though it is excluded")
    next
  }
  if (name in whole_file) { ++excluded; next }
  if (outcome != "failed") { complain(name ": " outcome); next }
  delete explained
  known = 0
  for (row = 1; row <= rows[name]; ++row) {
    count = split(cases[name, row], patterns, " ")
    for (i = 1; i <= count; ++i) {
      hits = 0
      for (field = 5; field <= NF; ++field) {
        if ($field ~ regex_of(patterns[i])) { ++hits; if (!($field in explained)) { explained[$field] = 1; ++known; ++cases_for[reason[name, row]] } }
      }
      if (hits == 0) complain(name ": " patterns[i] " passes, though it is excluded")
    }
  }
  for (field = 5; field <= NF; ++field) if (!($field in explained)) complain(name ": " $field " fails")
  ++partly; tests += $4 - known; out += known
}
END {
  if (whole) for (name in rows) if (!(name in seen)) complain(name " is excluded, and is not there")
  printf "files: %d; all cases passed: %d; cases excluded in %d, the rest of them passed; excluded: %d\n",
         files, passed, partly, excluded
  printf "cases passed: %d; excluded in files that count: %d\n", tests, out
  for (why in files_for) all[why] = 1
  for (why in cases_for) all[why] = 1
  for (why in all) printf "%4d files, %4d cases: %s\n", files_for[why], cases_for[why], why | "sort -rn"
  close("sort -rn")
  exit complaints > 0
}

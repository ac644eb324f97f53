# Prints the files of SQLite's veryquick. Usage: testfixture veryquick.tcl TEST_FOLDER
set testdir [lindex $argv 0]
set argv0 $testdir/veryquick.test
set argv {}
source $testdir/permutations.test
foreach file [dict get $::testspec(veryquick) -files] {
  puts "file: [file normalize [file join $testdir $file]]"
}
exit 0

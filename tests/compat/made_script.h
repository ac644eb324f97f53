// A script made from a seed: tables, indexes, views, changes and questions, without answers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/compat/test_script.h"

namespace hexad::compat {

// Every question has one right answer: what SQL leaves open (the order of rows, which rows a LIMIT
// takes, sums of reals) is not asked. Statements in a transaction cannot fail, because PostgreSQL's
// transactions end with the first that does and SQLite's do not.
Script MakeScript(uint64_t seed, size_t steps);

}  // namespace hexad::compat

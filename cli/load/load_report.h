// The result of `hexad bench write` for people: rate, commit latency, the six acks, and who was the
// fourth. (The JSON is bench/workload's own.)
#pragma once

#include <optional>
#include <ostream>

#include "bench/floor/floor.h"
#include "bench/workload/write_workload.h"

namespace hexad::cli {

void PrintLoadReport(const workload::WriteResult& result, bool colour, std::ostream& out);

}  // namespace hexad::cli

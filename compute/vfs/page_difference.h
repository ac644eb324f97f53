// From two images of a page to what a log record must say.
#pragma once

#include <string_view>

#include "compute/core/mtr.h"

namespace hexad::compute {

// Adds to `mtr` what turns `before` into `after`: byte ranges, or the whole image once more than
// half of the page differs; nothing if they are equal. Ranges that lie closer together than a
// range's header are one. REQUIRES: both are one page long.
void WriteDifference(PageNo page, std::string_view before, std::string_view after, Mtr& mtr);

}  // namespace hexad::compute

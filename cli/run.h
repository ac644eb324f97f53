// The command line from argv to exit code: 0 done, 1 failed, 2 wrong usage, 3 refused.
#pragma once

namespace hexad::cli {

int Run(int argc, char** argv);

}  // namespace hexad::cli

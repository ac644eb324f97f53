// hexad: everything that a person does with a cluster.
#include "cli/run.h"

int main(int argc, char** argv) { return hexad::cli::Run(argc, argv); }

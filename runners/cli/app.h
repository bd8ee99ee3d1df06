// The command line of `assay`.
#pragma once

namespace assay {

/// Parses, runs and gives the exit code. Errors of use are reported here; those of a command are thrown.
int run_app(int argc, const char* const* argv);

}  // namespace assay

// assay: the command that people type. Exit codes are made here and nowhere else.
#include <cstdio>
#include <exception>
#include <new>

#include "reports/base/error.h"
#include "runners/cli/app.h"

int main(int argc, char** argv) {
  using assay::ExitStatus;
  try {
    return assay::run_app(argc, argv);
  } catch (const assay::Error& error) {
    std::fprintf(stderr, "assay: %s\n", error.what());
    return static_cast<int>(error.status());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr,
                 "assay: out of memory; use a machine with more, or judge fewer campaigns at a time\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "assay: %s (a fault of assay itself); please report it with the command you typed\n",
                 error.what());
  }
  return static_cast<int>(ExitStatus::cannot_run);
}

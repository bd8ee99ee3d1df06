#include "suites/harness/mpi_library.h"

#include <mpi.h>

#include <algorithm>

namespace assay::bench {

std::string short_mpi_version(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  // MPICH: "MPICH Version:\t4.0.2". Open MPI: "Open MPI v4.1.4, package: ...".
  const std::string label = " Version:";
  const auto at = line.find(label);
  if (at != std::string::npos) line.erase(at, label.size());
  line = line.substr(0, line.find(','));
  std::string tidy;
  for (const char c : line) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\0';
    if (!blank) {
      tidy += c;
    } else if (!tidy.empty() && tidy.back() != ' ') {
      tidy += ' ';
    }
  }
  while (!tidy.empty() && tidy.back() == ' ') tidy.pop_back();
  return tidy.empty() ? "unknown" : tidy;
}

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);  // allowed before MPI_Init
  return short_mpi_version(std::string(text, static_cast<std::size_t>(std::max(length, 0))));
}

}  // namespace assay::bench

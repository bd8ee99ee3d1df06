// Which MPI library carries the messages.
#pragma once

#include <string>

namespace assay::bench {

/// "MPICH 4.0.2", "Open MPI v4.1.4": the name and version out of what MPI_Get_library_version says, or else
/// its first line.
std::string mpi_library();

/// The same from such a text.
std::string short_mpi_version(const std::string& text);

}  // namespace assay::bench

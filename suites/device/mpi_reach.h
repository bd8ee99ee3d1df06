// Whether the MPI library moves what is in a device's memory by itself. It is asked, never assumed: a library
// that cannot would read from addresses that mean nothing to the host.
#pragma once

#include <functional>
#include <string>

namespace assay::device {

class Device;

struct MpiReach {
  bool straight = false;
  std::string why;  ///< "MPIX_GPU_query_support says yes"
};

/// Of the MPI library that this process runs with; after MPI_Init.
MpiReach mpi_reach(const Device& device);
/// The same for one architecture ("sm_90", "gfx90a") by the functions that `find` knows; null: it has none of
/// that name.
MpiReach mpi_reach(const std::string& architecture, const std::function<void*(const char*)>& find);

}  // namespace assay::device

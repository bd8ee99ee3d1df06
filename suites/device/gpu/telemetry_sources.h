// The single sources of telemetry.h. Each is null where it is not there, with the reason.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "suites/device/gpu/library_function.h"
#include "suites/device/gpu/telemetry.h"

namespace assay::gpu {

/// NVML. The library stays open.
std::unique_ptr<Telemetry> open_nvml(const std::string& pci_address, const std::vector<std::string>& names,
                                     std::string& missing);
/// ROCm SMI. The library stays open.
std::unique_ptr<Telemetry> open_rocm_smi(const std::string& pci_address,
                                         const std::vector<std::string>& names, std::string& missing);
/// The files of the amdgpu driver below `root`.
std::unique_ptr<Telemetry> open_amd_files(const std::string& pci_address, const std::filesystem::path& root);
/// Asks `first`, and `second` for what is absent then. Both are there.
std::unique_ptr<Telemetry> one_after_the_other(std::unique_ptr<Telemetry> first,
                                               std::unique_ptr<Telemetry> second);

}  // namespace assay::gpu

// What a case runs on: the parameter `device` of benchmarks that can run on either.
#pragma once

#include <string>

#include "reports/record/catalogue.h"
#include "reports/record/record.h"
#include "suites/device/device.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// `device`: host (the default) or gpu.
ParameterSpec device_parameter();

bool wants_gpu(const Parameters& parameters);

/// The device that `parameters` ask for: the host's cores, or this rank's GPU, each rank of a node its own.
/// Collective when it is a GPU; `missing` may differ from rank to rank.
device::Selected chosen_device(const Parameters& parameters, const ProcessGroup& group);

/// Empty when all ranks of a node have GPUs of their own, else who shares which. `owners`: "NODE ID" by rank.
std::string shared_devices(const std::vector<std::string>& owners);

}  // namespace assay::bench

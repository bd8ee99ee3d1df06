// For tests: a record in which nothing is absent.
#pragma once

#include <string>

#include "reports/record/record.h"

namespace assay {

inline Record sample_record() {
  Record record;
  record.benchmark = "compute/gemm";
  record.parameters = {
      {"dtype", std::string("bf16")}, {"m", std::int64_t{8192}}, {"in_place", false}, {"x", 0.5}};
  record.geometry = {Placement::each, 1, 8, 4};
  record.start = 3;
  record.position = 1;
  record.node = "n017";
  record.started = "2026-11-22T10:00:00.123Z";
  record.foms = {{"rate", 1099511627776.0, "FLOP/s", Better::higher, Reduce::median,
                  Peak{9.894e14, PeakBasis::theoretical, "data sheet"}},
                 {"latency", std::nullopt, "s", Better::lower, Reduce::p99, std::nullopt},
                 {"overlap", std::nullopt, "1", Better::higher, Reduce::mean, std::nullopt, "overlap"}};
  DeviceResult device;
  device.rank = 5;
  device.kind = "gpu";
  device.name = "NVIDIA H200";
  device.id = "GPU-1";
  device.warmups = 5;
  device.iterations = 30;
  device.samples_s = {0.0015, 0.0014, 0.0016};
  device.histogram = Histogram{16, -150, {0, 3, 7}};
  device.series = {{"overlap", {"1", {0, 0.5}, std::nullopt}},
                   {"read", {"s", {0.25}, Histogram{16, -32, {1}}}}};
  device.converged = true;
  device.check = {CheckStatus::pass, 0.0031, 0.0078, "Freivalds, 8 vectors"};
  device.conditions.clock_hz = {1.98e9};
  device.conditions.steal_fraction = 0.01;
  device.metrics = {{"energy_j", 12.5}};
  record.devices = {device};
  record.path = {{"transport", "shared memory"}};
  return record;
}

}  // namespace assay

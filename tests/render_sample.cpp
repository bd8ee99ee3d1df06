// render_sample DIRECTORY: writes the sample judgements in every format, and a sample of what each other
// writer of the library writes, for the tests that look from outside (schemas, browser) and for the golden
// files.
#include <filesystem>
#include <iostream>
#include <string>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/record/catalogue.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"
#include "reports/render/render.h"
#include "reports/render/sample_judgement_test.h"

namespace {

using namespace assay;

Record full_record() {
  Record record;
  record.benchmark = "compute/gemm";
  record.parameters = {
      {"dtype", std::string("bf16")}, {"m", std::int64_t{8192}}, {"scale", 0.5}, {"transposed", true}};
  record.start = 3;
  record.position = 1;
  record.node = "n017";
  record.started = "2026-11-22T10:00:00.123Z";
  record.foms = {{"rate", 1.099511627776e12, "FLOP/s", Better::higher, Reduce::median,
                  Peak{989.5e12, PeakBasis::theoretical, "data sheet, dense"}},
                 {"latency", std::nullopt, "s", Better::lower, Reduce::p99, std::nullopt}};
  DeviceResult device;
  device.rank = 5;
  device.kind = "gpu";
  device.name = "NVIDIA H200";
  device.id = "GPU-1";
  device.warmups = 5;
  device.iterations = 300;
  device.samples_s = {0.0015, 0.0016};
  device.histogram = Histogram{16, -160, {3, 0, 7}};
  device.converged = true;
  device.check = {CheckStatus::pass, 0.0031, 0.0078, "Freivalds, 8 vectors"};
  device.conditions = {{1.7e9}, {650}, {61.5}, false, 0.01, 0.4};
  device.metrics = {{"energy_j", 12.5}};
  record.devices = {device};
  record.path = {{"transport", "shared memory"}};
  record.attachments = {std::string(64, 'c')};
  return record;
}

/// A launch that gave nothing: every optional thing absent.
Record bare_record() {
  Record record;
  record.benchmark = "compute/gemm";
  record.node = "n018";
  record.started = "2026-11-22T10:00:00Z";
  record.status = LaunchStatus::timeout;
  record.reason = "ranks 3 and 5 did not arrive";
  DeviceResult device;
  device.kind = "cpu";
  record.devices = {device};
  return record;
}

Catalogue small_catalogue() {
  BenchmarkSpec gemm;
  gemm.name = "compute/gemm";
  gemm.title = "Matrix product";
  gemm.area = "compute";
  gemm.parameters = {
      {"dtype", ParameterType::choice, "", std::string("f32"), {"f32", "bf16"}, {}, {}, "type of the inputs"},
      {"bytes", ParameterType::bytes, "B", std::int64_t{8}, {}, 1.0, 1e12, "size of a message"}};
  gemm.foms = {
      {"rate", "FLOP/s", Better::higher, "arithmetic per second", std::nullopt},
      {"p99", "s", Better::lower, "99th percentile", std::pair<std::string, std::string>{"mode", "latency"}}};
  return {"0.1.0", {gemm}};
}

StartRequest small_request() {
  StartRequest request;
  request.start = 3;
  request.seed = 42;
  request.cases = {{1, {"compute/gemm", {{"dtype", std::string("bf16")}}, {}}, 1.5}};
  request.plant = "wrong_element";
  return request;
}

void write_samples(const std::filesystem::path& out) {
  std::filesystem::create_directories(out);
  for (const auto& [name, judgement] : samples::all()) {
    write_file(out / (name + ".html"), render_html(judgement));
    write_file(out / (name + ".txt"), render_text(judgement));
    write_file(out / (name + ".json"), render_json(judgement));
    write_file(out / (name + ".xml"), render_junit(judgement));
    write_file(out / (name + ".md"), render_markdown(judgement));
    write_file(out / (name + ".csv"), render_csv(judgement));
  }
  write_file(out / "records.jsonl", to_json_line(full_record()) + "\n" + to_json_line(bare_record()) + "\n");
  write_file(out / "catalogue.json", to_json(small_catalogue()));
  write_file(out / "request.json", to_json(small_request()));
  write_file(out / "progress.jsonl", progress_line(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: render_sample DIRECTORY\n";
    return static_cast<int>(ExitStatus::bad_input);
  }
  write_samples(argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "render_sample: " << error.what() << "\n";
  return static_cast<int>(ExitStatus::cannot_run);
}

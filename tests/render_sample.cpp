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
#include "reports/record/sample_record_testing.h"
#include "reports/render/render.h"
#include "reports/render/sample_judgement_test.h"

namespace {

using namespace assay;

/// Nothing is absent, attachments included.
Record full_record() {
  Record record = sample_record();
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

// A worker that does as it is told, so that whole campaigns are tested without measuring anything and without
// waiting. It speaks assay-bench's side of reports/record/request.h.
//
//   ASSAY_FAKE="benchmark=behaviour[@start,start...];..."   the first match counts; a benchmark may be a part
//   of a
//                                                            case's key ("dtype=f64"); default: good
//   ASSAY_FAKE_RATE=2e12      figure of merit of the good (default 1e12)
//   ASSAY_FAKE_FLIPPED=n2     node that computes other bits than the others ("fingerprint", "flipped")
// Behaviours: good, slow (a tenth), wrong (check fails), unchecked, unsupported, says_failed, crash, exit3,
// hang,
//   nothing (ends before the first progress line), silent (no record), garbage, truncated, nan, schema,
//   unknown_key, other_case, other_start, other_node, duplicate, planted, no_devices, stubborn (hangs and
//   ignores SIGTERM), crash_after (good, then ends by a signal after the last case), fills (writes until the
//   disk is full), attaches (good, with an attachment), attaches_nothing, attaches_other (it is missing, or
//   something else), fingerprint (good, with a fingerprint of its seed), flipped (the same, but for the node
//   named above), litters (crashes and leaves a file where storage is measured)
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"

namespace {

/// Dies as a crashed program does, also where a sanitizer would rather report it.
[[noreturn]] void crash() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
  std::abort();
}

using namespace assay;  // NOLINT(google-build-using-namespace): a program of tests

std::string node() {
  const char* name = std::getenv("ASSAY_NODE");
  return name != nullptr ? name : "localhost";
}

std::string behaviour_of(const std::string& key, int start) {
  const char* script = std::getenv("ASSAY_FAKE");
  std::istringstream rules(script != nullptr ? script : "");
  for (std::string rule; std::getline(rules, rule, ';');) {
    const std::size_t equals = rule.rfind('=');
    if (equals == std::string::npos || key.find(rule.substr(0, equals)) == std::string::npos) continue;
    std::string behaviour = rule.substr(equals + 1);
    if (const std::size_t at = behaviour.find('@'); at != std::string::npos) {
      std::istringstream starts("," + behaviour.substr(at + 1));
      bool listed = false;
      for (std::string one; std::getline(starts, one, ',');) listed = listed || one == std::to_string(start);
      if (!listed) continue;
      behaviour.resize(at);
    }
    return behaviour;
  }
  return "good";
}

Record good_record(const StartRequest& request, const RequestedCase& wanted, double factor) {
  const char* text = std::getenv("ASSAY_FAKE_RATE");
  const double rate = (text != nullptr ? std::atof(text) : 1e12) * factor;
  Record record;
  record.benchmark = wanted.identity.benchmark;
  record.parameters = wanted.identity.parameters;
  record.geometry = wanted.identity.geometry;
  record.start = request.start;
  record.position = wanted.position;
  record.node = node();
  record.started = "2026-11-22T10:00:00.000Z";
  record.planted = request.plant;
  FigureOfMerit fom{"rate", 1e9, "FLOP/s", Better::higher, Reduce::median, {}};
  if (record.benchmark == "collectives/allreduce")
    fom = {"busbw", 1e9, "B/s", Better::higher, Reduce::median, {}};
  record.foms = {fom};
  DeviceResult device;
  device.kind = record.benchmark == "collectives/allreduce" ? "group" : "cpu";
  device.name = "Scripted processor";
  device.warmups = 3;
  device.iterations = 50;
  // A little different in each start, so that nothing looks copied.
  for (int i = 0; i < 5; ++i)
    device.samples_s.push_back(1e9 / rate * (1 + 1e-4 * ((request.start * 7 + i) % 5)));
  device.converged = true;
  device.check = {CheckStatus::pass, 0.0, 1.0, "scripted"};
  record.devices = {device};
  return record;
}

class Worker {
 public:
  Worker(StartRequest request, const std::string& results)
      : request_(std::move(request)),
        attachments_(std::filesystem::path(results).parent_path() / "attachments"),
        out_(results, std::ios::app) {}

  int run() {
    for (const RequestedCase& wanted : request_.cases) {
      const std::string behaviour = behaviour_of(wanted.identity.key(), request_.start);
      if (behaviour == "nothing") return 0;
      line(progress_line(wanted.position));
      if (!act(behaviour, wanted)) return 3;
      if (behaviour == "crash_after") crash_at_end_ = true;
    }
    if (crash_at_end_) crash();
    return 0;
  }

 private:
  void line(const std::string& text) { out_ << text << '\n' << std::flush; }

  void text_with(const RequestedCase& wanted, const std::string& from, const std::string& to) {
    std::string text = to_json_line(good_record(request_, wanted, 1));
    if (const std::size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
    line(text);
  }

  /// False: end with exit code 3.
  bool act(const std::string& behaviour, const RequestedCase& wanted) {
    Record record = good_record(request_, wanted, behaviour == "slow" ? 0.1 : 1);
    if (behaviour == "crash") {
      std::fprintf(stderr, "about to crash, as told\n");
      std::fflush(stderr);
      crash();
    } else if (behaviour == "exit3") {
      std::fprintf(stderr, "cannot go on, as told\n");
      return false;
    } else if (behaviour == "hang" || behaviour == "stubborn") {
      if (behaviour == "stubborn") std::signal(SIGTERM, SIG_IGN);
      for (;;) ::pause();
    } else if (behaviour == "silent") {
    } else if (behaviour == "garbage") {
      line("\x01\xff this is no record \x7f{");
    } else if (behaviour == "truncated") {
      out_ << to_json_line(record).substr(0, 100) << std::flush;
      std::raise(SIGKILL);
    } else if (behaviour == "nan") {
      text_with(wanted, "\"samples_s\":[", "\"samples_s\":[NaN,");
    } else if (behaviour == "schema") {
      text_with(wanted, "assay.record/1", "assay.record/9");
    } else if (behaviour == "unknown_key") {
      text_with(wanted, "{\"schema\"", "{\"surprise\":1,\"schema\"");
    } else if (behaviour == "attaches" || behaviour == "attaches_nothing" || behaviour == "attaches_other") {
      const std::string content = "attached in start " + std::to_string(request_.start);
      record.attachments = {sha256_hex(content)};
      std::filesystem::create_directories(attachments_);
      if (behaviour == "attaches") write_file(attachments_ / record.attachments[0], content);
      if (behaviour == "attaches_other") write_file(attachments_ / record.attachments[0], "something else");
      line(to_json_line(record));
    } else if (behaviour == "litters") {
      write_file(std::filesystem::path(request_.storage.at("scratch")) / "left", "behind");
      crash();
    } else if (behaviour == "fills") {
      const std::string block(1 << 20, 'x');
      while (out_ << block << std::flush) {
      }
      return false;
    } else {
      change(behaviour, record);
      line(to_json_line(record));
      if (behaviour == "duplicate") line(to_json_line(record));
    }
    return true;
  }

  void change(const std::string& behaviour, Record& record) const {
    if (behaviour == "wrong") record.devices[0].check = {CheckStatus::fail, 2.0, 1.0, "scripted"};
    if (behaviour == "unchecked") record.devices[0].check = {};
    if (behaviour == "other_case") record.benchmark = "compute/other";
    if (behaviour == "other_start") record.start += 1;
    if (behaviour == "other_node") record.node = "elsewhere";
    if (behaviour == "fingerprint" || behaviour == "flipped") {
      const char* flipped = std::getenv("ASSAY_FAKE_FLIPPED");
      const bool other = behaviour == "flipped" && flipped != nullptr && record.node == flipped;
      const std::string seed = std::to_string(request_.seed);
      record.path["fingerprint"] =
          sha256_hex((other ? "flipped " : "") + seed) + " (3 steps, seed " + seed + ")";
    }
    if (behaviour == "planted") record.planted = "nan";
    if (behaviour == "no_devices") record.devices.clear();
    if (behaviour == "unsupported" || behaviour == "says_failed") {
      record.status = behaviour == "unsupported" ? LaunchStatus::unsupported : LaunchStatus::failed;
      record.reason = "as told by the script";
      record.devices.clear();
      record.foms.clear();
    }
  }

  StartRequest request_;
  std::filesystem::path attachments_;
  std::ofstream out_;
  bool crash_at_end_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  // Under the real mpiexec every rank comes here; only the first one writes.
  const char* rank = std::getenv("PMI_RANK");
  if (rank != nullptr && std::string(rank) != "0") return 0;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string request, results;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    if (arguments[i] == "--machine") {
      write_file(
          arguments[i + 1],
          R"({"schema":"assay.machine/1","assay_version":"0.1.0","created":"2026-11-22T10:00:00Z","nodes":[{"node":")" +
              node() +
              R"(","facts":{"cores":2,"cpu_model":"Scripted processor","memory_bytes":8000000000}}],)"
              R"("mpi":{"library":"none","standard":"4.0","started":false,"ranks":1},"libraries":{},)"
              R"("environment":{},"warnings":[]})"
              "\n");
      return 0;
    }
    if (arguments[i] == "--request") request = arguments[i + 1];
    if (arguments[i] == "--results") results = arguments[i + 1];
  }
  try {
    return Worker(parse_request(read_file(request), request), results).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake worker: %s\n", error.what());
    return 4;
  }
}

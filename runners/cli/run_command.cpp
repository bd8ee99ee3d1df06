#include <unistd.h>

#include <array>
#include <cstdio>

#include "reports/base/files.h"
#include "reports/record/unit.h"
#include "reports/render/render.h"
#include "runners/campaign/run.h"
#include "runners/cli/commands.h"
#include "runners/cli/console.h"
#include "runners/cli/find.h"
#include "runners/cli/knowledge.h"
#include "runners/launch/slurm.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "localhost";
  return name.data();
}

/// `told`: what was found out by itself and the user should know.
CampaignInput read_input(const RunOptions& options, const Knowledge& knowledge, std::string& told) {
  CampaignInput input;
  input.plan_file = find_plan(options.plan).string();
  input.plan_text = read_file(input.plan_file);
  input.plan = parse_plan(input.plan_text, input.plan_file, knowledge.catalogue);
  input.targets_file = find_targets(options.targets).string();
  input.targets_text = read_file(input.targets_file);
  input.targets = parse_targets(input.targets_text, input.targets_file, knowledge.catalogue);
  check_against_plan(input.targets, input.plan, knowledge.catalogue);
  if (!options.site.empty()) {
    input.site_text = read_file(options.site);
    input.site = parse_site(input.site_text, options.site);
  }
  for (const std::string& given : options.storage) {
    const auto equals = given.find('=');
    const std::string name = equals == std::string::npos ? "scratch" : given.substr(0, equals);
    const std::string path = equals == std::string::npos ? given : given.substr(equals + 1);
    if (name.empty() || path.empty()) {
      throw bad_input("--storage '" + given + "' names no folder",
                      "write --storage /lustre/scratch or --storage NAME=/lustre/scratch");
    }
    input.site.storage[name] = fs::absolute(path).string();
  }
  told = adapt_to_allocation(input.site, !options.site.empty());
  if (input.site.launcher_program == Site{}.launcher_program) input.site.launcher_program = hydra_program();
  input.system = input.site.name.empty() ? host_name() : input.site.name;
  input.nodes = input.site.hosts.empty() ? std::vector<std::string>{host_name()} : input.site.hosts;
  input.schedule = make_schedule(input.plan, input.targets, knowledge.catalogue, input.nodes);
  input.parent = fs::absolute(options.out);
  return input;
}

void print_dry_run(const CampaignInput& input) {
  std::printf("%s: %zu cases; about %s of measuring in %d starts. The first round would be:\n",
              input.plan.name.c_str(), input.plan.cases.size(),
              format_duration(input.schedule.expected_s).c_str(), input.schedule.expected_starts);
  int number = 0;
  for (const DryStart& start : dry_run(input, input.parent / (input.plan.name + "-UTC"))) {
    std::printf("\nstart %d\n", ++number);
    for (const std::string& one : start.cases) std::printf("  %s\n", one.c_str());
    for (const Arguments& command : start.commands) std::printf("  $ %s\n", shell_quoted(command).c_str());
  }
}

}  // namespace

ExitStatus run_command(const RunOptions& options) {
  const Knowledge knowledge = embedded_knowledge();
  std::string told;
  CampaignInput input = read_input(options, knowledge, told);
  if (options.dry_run) {
    // Commands can be shown on a machine that cannot run them.
    try {
      input.worker = find_worker(options.worker, input.site.worker).string();
    } catch (const Error&) {
      input.worker = "assay-bench";
    }
    if (!told.empty()) std::printf("%s\n", told.c_str());
    print_dry_run(input);
    return ExitStatus::pass;
  }
  input.worker = find_worker(options.worker, input.site.worker).string();

  const auto style = options.quiet         ? Console::Style::quiet
                     : is_terminal(stderr) ? Console::Style::terminal
                                           : Console::Style::lines;
  const StopRequest stop;
  CampaignResult result;
  {
    Console console(stderr, style, terminal_width(stderr, 80));
    if (!told.empty()) console.note(told);
    console.note(input.plan.name + ": " + std::to_string(input.plan.cases.size()) + " cases, about " +
                 format_duration(input.schedule.expected_s) + " of measuring");
    result = run_campaign(input, knowledge, stop, console);
  }
  if (!options.quiet) {
    std::fputs(render_text(*result.judgement, terminal_width(stdout, 100), is_terminal(stdout)).c_str(),
               stdout);
    std::printf("\nreport: %s\n", (result.folder / "report.html").c_str());
  }
  return result.signal != 0 ? ExitStatus::interrupted : result.judgement->exit_status;
}

}  // namespace assay

// The table of findings. Numbered by area:
//   1xxx  evidence of values      2xxx  verdicts and their statistics     3xxx  machine and conditions
//   4xxx  running a campaign      5xxx  what was given as input
// A code is never reused or renumbered; a new one goes to the end of its area.
#include "reports/judge/finding.h"

#include <algorithm>
#include <stdexcept>

namespace assay {

const std::vector<FindingKind>& finding_kinds() {
  using enum Severity;
  static const std::vector<FindingKind> kinds = {
      // Evidence of values.
      {"ASY-1001", error, "check failed",
       "treat the result as wrong: repeat the launch on this device, then have the device or library "
       "examined"},
      {"ASY-1002", error, "value above the plausible bound",
       "look for work that was not done or a peak that is wrong; correct the peak's source or state "
       "plausible_at_most in the target"},
      {"ASY-1003", warning, "value above a measured peak",
       "the probe found too low a peak: give a theoretical one in reference_results/peaks"},
      {"ASY-1004", error, "fault planted on purpose",
       "measure again without planted faults: such evidence never counts"},
      {"ASY-1005", error, "work took another path than the case names",
       "repair the path (network, page cache, staging), or plan a case that names the path taken"},
      {"ASY-1006", error, "value without a check",
       "run the case with its check, or state check = \"optional\" in the target"},
      {"ASY-1007", error, "no valid value",
       "see the reasons of its launches; repeat one by hand with the command given"},
      {"ASY-1008", warning, "launches without a valid value",
       "each counts against a pass: find out why they gave none"},
      {"ASY-1009", error, "no peak known for a device",
       "add the device to reference_results/peaks with its source, or state the limit in absolute terms"},
      {"ASY-1010", error, "mandatory target rests on a measured peak",
       "give a theoretical peak with its source, state the limit in absolute terms, or lower the target's "
       "level"},
      {"ASY-1012", error, "expected device never gave a value",
       "find out why this device is absent; its launches count against a pass"},
      {"ASY-1013", note, "launches that did not converge",
       "each launch counts by its median, however noisy; a longer budget makes it steadier"},
      {"ASY-1014", error, "spread of fewer than two devices",
       "measure on at least two devices, or drop spread_at_most"},
      {"ASY-1015", error, "attachment is missing or altered",
       "restore the attachments folder from a copy: until then the launch counts as one without a value"},
      {"ASY-1016", error, "a node computes something else",
       "the same work gave other bits: repeat the case on the nodes named, test their memory and processors, "
       "and use them for nothing until the cause is known"},
      {"ASY-1017", note, "fingerprints not compared",
       "other kernels round differently: give all nodes the same libraries and settings to have them "
       "compared"},
      // Verdicts and their statistics.
      {"ASY-2001", error, "target failed",
       "repeat the launch by hand with the command given; look at the devices named"},
      {"ASY-2002", warning, "target undecided",
       "launch more often (repeat.launches.max), or use inconclusive = \"extend\""},
      {"ASY-2003", warning, "values trend over the launches",
       "spread the launches over time (repeat.spacing): the verdict holds for the conditions of this "
       "campaign only"},
      {"ASY-2004", warning, "values cluster over the launches",
       "spread the launches over time (repeat.spacing): neighbouring launches are not independent"},
      {"ASY-2005", error, "devices blamed",
       "have these devices examined first: the share of wrongly blamed ones is controlled at 1 - confidence"},
      {"ASY-2006", warning, "devices slow among their siblings",
       "compare clocks, temperature and links of these devices with those of their siblings"},
      {"ASY-2007", note, "target waived", "see the amendment that the waiver names"},
      {"ASY-2008", warning, "launches after the verdict point the other way",
       "the first crossing decides; look for what changed since, and consider a longer, spaced campaign"},
      {"ASY-2009", warning, "fewer launches than a fixed test needs",
       "run the plan again to its end: the launches of this campaign stay counted"},
      {"ASY-2010", note, "launches beyond the fixed number",
       "they are on record but not judged: a fixed test judges once"},
      {"ASY-2011", warning, "extension does not apply to a fixed test",
       "use stop = \"decided\", whose verdict may be looked at as often as one likes"},
      {"ASY-2012", note, "earlier campaigns continued",
       "their launches count too; campaigns = \"independent\" in the targets file judges each alone"},
      {"ASY-2013", error, "nothing mandatory was judged",
       "state at least one mandatory clause that is not waived"},
      {"ASY-2014", note, "campaign judged alone",
       "the targets file says campaigns = \"independent\": compare with the other campaigns of the register"},
      {"ASY-2015", error, "devices conceded",
       "the target counts them as devices that miss it: repair them and start a new campaign"},
      {"ASY-2016", warning, "nodes slow on their links",
       "examine adapter, cable and slot of these nodes, and exchange one with a good node's: what moves with "
       "it "
       "is at fault"},
      {"ASY-2017", warning, "links slow between nodes that are not",
       "examine the cables and ports on the way between the two, and the switches' error counters"},
      {"ASY-2018", note, "what the link matrix says of the fabric",
       "compare with the topology as ordered: levels, oversubscription, routing"},
      // Machine and conditions.
      {"ASY-3001", warning, "throttled while measuring", "check cooling and power limits, then repeat"},
      {"ASY-3002", warning, "a hypervisor took CPU time",
       "measure on a machine of one's own, or with pinned virtual CPUs"},
      {"ASY-3003", warning, "an environment variable limits a library", "unset the variable and repeat"},
      {"ASY-3004", warning, "a library runs below the vector width of the CPU",
       "unset variables that choose its kernels, or install a newer version"},
      {"ASY-3007", error, "a fact of the machine is unknown",
       "the probe could not read it on the nodes named: install what it needs, or confirm it by a document "
       "clause"},
      {"ASY-3008", error, "a fact of the machine differs from what was promised",
       "compare the nodes named with the specification"},
      // Running a campaign.
      {"ASY-4001", error, "launch failed",
       "see stderr of the start; repeat it by hand with the command on record"},
      {"ASY-4002", error, "launch timed out",
       "see which ranks did not arrive; raise time_limit if the case is only slow"},
      {"ASY-4003", error, "worker crashed",
       "see the signal and stderr of the start; repeat it by hand with the command on record"},
      {"ASY-4004", error, "worker wrote what is not a record",
       "see the start's results and stderr; is assay-bench of the same version as assay?"},
      {"ASY-4005", error, "worker wrote nothing",
       "see stderr of the start; run the command on record by hand"},
      {"ASY-4006", warning, "records cut off at the end",
       "the last line was being written when something ended the program: its launch counts as one without a "
       "value"},
      {"ASY-4007", warning, "campaign interrupted",
       "run the plan again to its end: the launches of this campaign stay counted"},
      {"ASY-4008", warning, "register of campaigns is absent",
       "earlier campaigns cannot be shown to be counted: restore campaigns/REGISTER.jsonl"},
      {"ASY-4009", error, "evidence of an earlier campaign is absent",
       "restore its folder: without it a later campaign cannot continue its counts"},
      {"ASY-4010", error, "case unsupported here", "see the reason; assay doctor tells what to install"},
      {"ASY-4011", error, "case was never launched",
       "run the plan again to its end: the launches of this campaign stay counted"},
      {"ASY-4012", warning, "node excluded", "see the reason in the journal; its devices count as misses"},
      {"ASY-4015", error, "worker ended with an error after its results",
       "the values stand as recorded; see stderr of the start"},
      // What was given.
      {"ASY-5001", error, "document not confirmed",
       "state who confirmed it and when (by, date) in the clause"},
      {"ASY-5002", error, "document file is absent",
       "put the file beside the targets file, or correct its name"},
      {"ASY-5003", error, "document file is another than the one confirmed",
       "its SHA-256 differs: restore the file, or have the new one confirmed"},
      {"ASY-5004", warning, "evidence of a case that the plan does not have",
       "judge with the plan that the campaign was run with"},
      {"ASY-5005", note, "judged by other targets than the campaign was run with",
       "say so when the verdict is quoted"},
      {"ASY-5006", error, "target matches no case",
       "correct the target's where, or add the case to the plan"},
  };
  return kinds;
}

const FindingKind& finding_kind(std::string_view code) {
  const auto& kinds = finding_kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const FindingKind& k) { return k.code == code; });
  if (found == kinds.end()) throw std::out_of_range("no finding has the code " + std::string(code));
  return *found;
}

}  // namespace assay

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "cli/console.hpp"
#include "cli/ground.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/markup.hpp"
#include "countersign/base/text.hpp"
#include "countersign/server/files.hpp"

namespace countersign::cli {
namespace {

struct Outcome {
    PolicyTest test;
    PolicyTestResult result;
    bool passed() const { return result.differences.empty(); }
};

std::size_t failures(const std::vector<Outcome>& outcomes) {
    return static_cast<std::size_t>(
        std::ranges::count_if(outcomes, [](const auto& o) { return !o.passed(); }));
}

std::string junit_of(const std::vector<Outcome>& outcomes) {
    std::string xml = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"countersign policy test\" "
        "tests=\"{}\" "
        "failures=\"{}\">\n",
        outcomes.size(), failures(outcomes));
    for (const Outcome& one : outcomes) {
        xml += fmt::format("  <testcase classname=\"{0}\" file=\"{0}\" line=\"{1}\" name=\"{2}\"",
                           escape_markup(visible(one.test.file)), one.test.line,
                           escape_markup(one.test.name));
        if (one.passed()) {
            xml += "/>\n";
            continue;
        }
        xml += fmt::format(">\n    <failure message=\"{}\">{}</failure>\n  </testcase>\n",
                           escape_markup(one.result.differences.front()),
                           escape_markup(join(one.result.differences, "\n") + "\n" +
                                         join(one.result.story, "\n")));
    }
    return xml + "</testsuite>\n";
}

core::Value lines_of(const std::vector<std::string>& lines) {
    core::Value list = core::Value::array();
    for (const std::string& line : lines) list.push(line);
    return list;
}

void print_outcome(const Outcome& one) {
    const std::string place = fmt::format("{}:{}: {}", visible(one.test.file), one.test.line, one.test.name);
    if (one.passed()) return print(fmt::format("{} {}", painted("ok", Paint::green, STDOUT_FILENO), place));
    print(fmt::format("{} {}", painted("FAILED", Paint::red, STDOUT_FILENO), place));
    for (const std::string& difference : one.result.differences) print("    " + printable(difference));
    for (const std::string& line : one.result.story) print("      " + printable(line));
}

// False: the policy or its tests cannot be read, and why has been said.
bool run_all(const std::string& file, std::vector<Outcome>& outcomes) {
    auto policy = load_policy_aloud(file, false);
    if (!policy) {
        complain(policy.error().detail);
        return false;
    }
    std::vector<PolicyFinding> findings;
    auto tests = load_policy_tests(file, **policy, findings);
    for (const PolicyFinding& finding : findings) note(finding.text());
    if (!tests) {
        complain(fmt::format("{}: {}", visible(file), tests.error().detail));
        return false;
    }
    if (tests->empty()) note(fmt::format("{}: no `tests:` beside this policy", visible(file)));
    for (PolicyTest& test : *tests) {
        auto result = run_policy_test(**policy, test);
        outcomes.push_back({std::move(test), std::move(result)});
    }
    return true;
}

}  // namespace

int policy_test_verb(const PolicyTestOptions& options) {
    bool readable = true;
    std::vector<Outcome> outcomes;
    for (const std::string& file : options.files) readable = run_all(file, outcomes) && readable;
    const std::size_t failed = failures(outcomes);
    if (options.json) {
        core::Value list = core::Value::array();
        for (const Outcome& one : outcomes)
            list.push(core::Value::object({{"file", one.test.file},
                                           {"line", one.test.line},
                                           {"name", one.test.name},
                                           {"passed", one.passed()},
                                           {"differences", lines_of(one.result.differences)},
                                           {"story", lines_of(one.result.story)}}));
        print_json(list);
    } else {
        for (const Outcome& one : outcomes) print_outcome(one);
        print(fmt::format("{} passed, {} failed", outcomes.size() - failed, failed));
    }
    if (!options.junit.empty()) {
        auto written = server::write_private_file(options.junit, junit_of(outcomes));
        if (!written) {
            complain(written.error().detail);
            return exit_failed;
        }
    }
    return readable && failed == 0 ? exit_ok : exit_failed;
}

}  // namespace countersign::cli

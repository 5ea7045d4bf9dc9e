#include <fmt/core.h>

#include <csignal>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>

#include "cli/command_line.hpp"
#include "cli/console.hpp"
#include "cli/inherited.hpp"
#include "cli/outcome.hpp"
#include "cli/usage.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

int help(CommandLine& line, const CLI::ParseError& asked) {
    std::ostringstream text;
    int code = line.app.exit(asked, text, text);
    print(trim(text.str()));
    return code;
}

int act(int argc, char** argv) {
    CommandLine line;
    auto words = without_help_verb({argv + 1, argv + argc});
    // A verb that does not exist is said before all else: `nonsense --help` asks for no help that there is.
    auto unknown = what_is_unknown(line.app, {words.begin(), words.begin() + (words.empty() ? 0 : 1)});
    try {
        if (unknown.empty()) line.app.parse(std::vector<std::string>{words.rbegin(), words.rend()});
    } catch (const CLI::CallForHelp& e) {
        return help(line, e);
    } catch (const CLI::CallForAllHelp& e) {
        return help(line, e);
    } catch (const CLI::CallForVersion& e) {
        return help(line, e);
    } catch (const CLI::ParseError& e) {
        unknown = what_is_unknown(line.app, words);
        if (unknown.empty()) unknown = what_is_missing(line.app, words, e.what());
    }
    if (!unknown.empty()) {
        complain(unknown);
        return exit_usage;
    }
    return line.chosen();
}

}  // namespace
}  // namespace countersign::cli

int main(int argc, char** argv) {
    using namespace countersign::cli;
    if (argc > 1 && std::string_view{argv[1]} == "hook") guard_hook();
    (void)inherited();
    occupy_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return after_output(act(argc, argv));
    } catch (const std::exception& e) {
        complain(fmt::format("internal error: {}", e.what()));
        return argc > 1 && std::string_view{argv[1]} == "hook" ? exit_usage : exit_failed;
    }
}

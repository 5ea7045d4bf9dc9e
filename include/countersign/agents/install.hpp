#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/agents/hook.hpp"
#include "countersign/base/result.hpp"

// The files in which agents are told of hooks, as values: where they are, what stands in them, and what in
// them leaves a way round.
namespace countersign::agents {

// Gives all of them, in the order in which they are listed.
std::vector<Host> all_hosts();
Result<Host> host_named(std::string_view name);

// Where an administrator writes what users cannot change; empty: there is no such file.
std::string managed_file(Host host);
// Where a user writes for themselves, within the home folder; empty: there is none.
std::string user_file(Host host);
// The program by which it is known whether an agent is installed.
std::string program_of(Host host);

struct HookCommand {
    std::string command;  // one line for a shell
    std::int64_t timeout_s = 600;
    std::string outcome_command = {};  // the line that is run after a tool
};
// The line that starts the hook. Whatever ends it other than by itself, as a lack of memory, ends in 2 with a
// reason on stderr. `words`: the program and its arguments.
std::string hook_command_line(const std::vector<std::string>& words);
// The line that starts the hook after a tool, which has nothing to block.
std::string outcome_command_line(const std::vector<std::string>& words);

// The content of a file with the hook in it, in place of an older one of ours; all else in it is kept.
// `before` is empty where there is none. invalid_input: it is no JSON that can be kept, or a TOML file that
// is not ours alone, which is left to a person.
Result<std::string> with_hook(Host host, std::string_view before, const HookCommand& hook, bool managed);

// What is missing or weak in a file for the hook to be asked always; empty: nothing.
std::vector<std::string> weak_points(Host host, std::string_view content, bool managed);
// Names what in a user's or a project's own settings of this agent would turn hooks off where no managed file
// says otherwise.
std::vector<std::string> ways_round(Host host, std::string_view own_settings);

// A user's own settings with nothing in them but our hooks and what turns hooks off; empty: there is neither.
std::string own_hooks(Host host, std::string_view own_settings);

// Shows both texts as one: lines that went with "- ", lines that came with "+ " before them.
std::string difference_of(std::string_view before, std::string_view after);

}  // namespace countersign::agents

#pragma once
#include <string>

#include "cli/client.hpp"
#include "countersign/agents/trial.hpp"

namespace countersign::cli {

struct TrialOfAgent {
    agents::Host host = agents::Host::claude_code;
    std::string program;       // a path
    std::string own_settings;  // see agents::TrialGround
};
struct Verdict {
    bool good = false;
    std::string what;
    std::string fix;
};
// Runs an agent with the hooks that it has, in a home folder of its own and with an empty environment,
// against a model on the loopback that asks for one call. The request that the hook files is taken back, so
// that the call is denied whoever else would have decided. Takes as long as the agent does, at most two
// minutes.
Verdict try_agent(Client& client, const TrialOfAgent& trial);

}  // namespace countersign::cli

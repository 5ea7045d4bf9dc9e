#pragma once
#include "cli/verbs.hpp"

namespace countersign::cli {

// Serves the tools of `countersign mcp` over streamable HTTP at /mcp, to both eras of the protocol, until a
// signal ends it. Returns the process' exit code.
int serve_mcp(Client& client, const McpOptions& options);

}  // namespace countersign::cli

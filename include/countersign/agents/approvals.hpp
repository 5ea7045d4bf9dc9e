#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/agents/mcp.hpp"
#include "countersign/core/value.hpp"

namespace countersign::agents {

// The revisions of the protocol that are spoken, newest first; the first one is modern, the others begin with
// `initialize`.
std::vector<std::string_view> mcp_versions();

// A server of the Model Context Protocol with which an agent asks for approval, without I/O. None of its
// tools votes: whoever asks cannot also decide.
class McpApprovals {
  public:
    static constexpr std::size_t calls_max = 1'000;  // that have no answer yet
    static constexpr std::int64_t wait_s_max = 600;

    enum class Tool : std::uint8_t { request, get, withdraw, report, list };
    struct Call {
        std::uint64_t key = 0;
        Tool tool = Tool::request;
        core::Value arguments;  // an object whose members the tool knows, each of its type
        std::string client;     // as it calls itself
        std::string thread;     // the client's id of the conversation; empty where it gives none
    };
    struct Step {
        std::vector<std::string> to_client;
        std::vector<Call> calls;
        std::vector<std::uint64_t> cancelled;  // calls whose answer nobody waits for
    };

    Step from_client(const McpLines::Line& line);
    // What a call came to. `failed`: the tool did not do what it was asked.
    Step answered(std::uint64_t key, core::Value result, bool failed);
    // Tells whoever asked for it that their calls are being waited for; `only`: of one call.
    Step still_waiting(std::string_view text, std::optional<std::uint64_t> only = std::nullopt);

  private:
    struct Waiting {
        core::Value id;
        core::Value progress_token;
        bool modern = false;
        std::size_t told = 0;
    };
    void request(const McpMessage& message, Step& step);
    void call(const McpMessage& message, Step& step);

    std::uint64_t last_key_ = 0;
    std::map<std::uint64_t, Waiting> waiting_;
    std::map<std::string, std::uint64_t> ids_;
    std::string client_;
};

}  // namespace countersign::agents

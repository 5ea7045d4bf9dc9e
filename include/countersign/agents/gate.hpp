#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/agents/mcp.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

namespace countersign::agents {

// SHA-256 of each tool's definition as it was accepted, in hexadecimal.
using ToolPins = std::map<std::string, std::string>;

// What happens between a client and a server of the Model Context Protocol, without I/O. All that is no call
// of a tool passes as it came, byte for byte and with its id; a call waits for its permission. What another
// reader might understand differently than we do never passes to the server.
class McpGate {
  public:
    struct Limits {
        std::size_t held_max = 1'000;          // calls that wait for permission
        std::size_t outstanding_max = 10'000;  // requests of one side that the other has not answered
        std::size_t tools_max = 2'000;         // in a server's list
        std::size_t list_pages_max = 50;
    };
    struct Settings {
        std::string server;  // its name, for actions: mcp.<server>.<tool>
        ToolPins pins;
        Limits limits = {};
    };
    // Something that needs permission: a call, or a definition that is not what it was.
    struct Question {
        std::uint64_t key = 0;
        bool definition = false;  // not of a call
        std::string action;
        std::string resource;
        core::Value parameters;
        std::string client;  // as it calls itself
        std::string thread;  // the client's id of the conversation; empty where it gives none
        std::vector<std::pair<std::string, std::string>>
            hints;  // the tool's annotations: what its server says
    };
    // A call that passed, and how it ended.
    struct Ended {
        std::uint64_t key = 0;
        bool failed = false;
    };
    // What is to be done after one message, in any order between the lists.
    struct Step {
        std::vector<std::string> to_server;
        std::vector<std::string> to_client;
        std::vector<Question> ask;
        std::vector<std::uint64_t> withdraw;  // questions that nobody waits for any more
        std::vector<Ended> ended;
        std::vector<std::string> notes;  // for stderr
        bool pinned = false;             // `pins` has changed
    };

    explicit McpGate(Settings settings);

    Step from_client(const McpLines::Line& line);
    Step from_server(const McpLines::Line& line);
    struct Answer {
        bool granted = false;
        bool waited = false;    // so long that the tool may be another one by now: its server is asked again
        std::string text = {};  // why not, for the model
        // The tool is called with these, because an approver lowered them; absent: as the client called it.
        std::optional<core::Value> arguments = {};
    };
    Step answered(std::uint64_t key, const Answer& answer);
    // Tells clients that asked for it that their calls are being waited for.
    Step still_waiting(std::string_view text);
    // The server has ended: what it has not answered is answered for it.
    Step server_ended(std::string_view why);

    // Which of our own questions for the list of tools is under way; 0: none is.
    std::uint64_t listing() const { return listing_.empty() ? 0 : listings_; }
    // The server does not answer it.
    Step list_overdue();

    const ToolPins& pins() const { return settings_.pins; }
    std::size_t held() const { return held_.size(); }

  private:
    struct Tool {
        core::Value definition;
        std::string digest;
    };
    enum class Waits : std::uint8_t { list, definition, call, last_look };
    struct Held {
        core::Value id;
        std::string line;
        core::Value params;
        std::string tool;
        std::string digest;  // of the definition that was asked about
        Waits waits = Waits::list;
        bool modern = false;
        std::size_t told = 0;  // notifications of progress
    };
    struct Outstanding {
        core::Value id;
        std::string method;
        bool whole_list = false;  // a first page of tools/list
        std::uint64_t key = 0;    // of the call that passed; 0: none
    };

    void request_from_client(const McpMessage& message, const std::string& line, Step& step);
    void notification_from_client(const McpMessage& message, const std::string& line, Step& step);
    void call(const McpMessage& message, const std::string& line, Step& step);
    void pass(const McpMessage& message, const std::string& line, Step& step);
    void response_from_server(const McpMessage& message, const std::string& line, Step& step);
    // These take a held call a step further; it may be held no longer afterwards.
    void consider(std::uint64_t key, Step& step);
    void look_again(std::uint64_t key, Step& step);
    void let_through(std::uint64_t key, Step& step);
    static void lower_arguments(Held& held, const core::Value& arguments);
    void refuse(std::uint64_t key, std::string_view text, Step& step);
    Held release(std::uint64_t key);

    void list_tools(const core::Value& cursor, Step& step);
    void own_list_came(const McpMessage& message, Step& step);
    void list_settled(std::string_view trouble, Step& step);
    void learn(const core::Value& tools, Step& step);
    Result<Question> question(std::uint64_t key, const Held& held, const Tool& tool) const;

    Settings settings_;
    std::uint64_t last_key_ = 0;
    std::map<std::uint64_t, Held> held_;
    std::map<std::string, std::uint64_t> held_ids_;       // mcp_id_key -> key
    std::map<std::string, Outstanding> asked_by_client_;  // passed to the server, by mcp_id_key
    std::set<std::string> asked_by_server_;               // passed to the client
    std::map<std::string, Tool> tools_;
    bool listed_ = false;         // `tools_` is the whole list, as far as the server has said
    std::string listing_;         // mcp_id_key of our own request; empty: none is under way
    bool listing_stale_ = false;  // the list changed while it was read
    std::uint64_t listings_ = 0;
    std::size_t list_pages_ = 0;
    core::Value meta_;    // what a modern client says of itself with each request
    std::string client_;  // its name, from `initialize`
};

}  // namespace countersign::agents

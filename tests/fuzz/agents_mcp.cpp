// Both sides of the MCP gate: however lines are cut and whatever they say, no call of a tool reaches the
// server that was not granted, and what the gate writes are whole messages.
#include <cstdint>
#include <string>
#include <vector>

#include "countersign/agents/approvals.hpp"
#include "countersign/agents/gate.hpp"
#include "countersign/base/check.hpp"

namespace {

using namespace countersign;
using namespace countersign::agents;

class Play {
  public:
    void lines(std::string_view bytes, bool from_server) {
        McpLines& cutter = from_server ? server_ : client_;
        for (std::size_t at = 0; at < bytes.size(); at += 7) cutter.add(bytes.substr(at, 7));
        while (auto line = cutter.next()) {
            COUNTERSIGN_CHECK(line->text.find('\n') == std::string::npos);
            see(from_server ? gate_.from_server(*line) : gate_.from_client(*line), 0);
            if (!from_server) tools(*line);
        }
    }
    void answer(bool granted) {
        if (open_.empty()) return;
        auto key = open_.back();
        open_.pop_back();
        see(gate_.answered(key, {.granted = granted, .waited = granted, .text = "no"}), granted ? key : 0);
    }
    void end() {
        see(gate_.server_ended("over"), 0);
        COUNTERSIGN_CHECK(gate_.held() == 0);
    }

  private:
    void see(const McpGate::Step& step, std::uint64_t granted) {
        for (const auto& line : step.to_client)
            COUNTERSIGN_CHECK(line.ends_with('\n') && line.find('\n') == line.size() - 1);
        if (granted != 0) ++granted_;
        for (const auto& line : step.to_server) {
            auto message = read_mcp(line, true);
            COUNTERSIGN_CHECK(message.has_value());
            if (message->method != "tools/call") continue;
            COUNTERSIGN_CHECK(passed_ < granted_);
            ++passed_;
        }
        for (const auto& question : step.ask) open_.push_back(question.key);
    }
    void tools(const McpLines::Line& line) {
        for (const auto& call : approvals_.from_client(line).calls)
            COUNTERSIGN_CHECK(approvals_.answered(call.key, "x", false).to_client.size() == 1);
    }

    McpLines client_{4096};
    McpLines server_{4096};
    McpGate gate_{{.server = "s", .pins = {}, .limits = {.held_max = 20, .outstanding_max = 20}}};
    McpApprovals approvals_;
    std::vector<std::uint64_t> open_;
    std::uint64_t granted_ = 0;
    std::uint64_t passed_ = 0;
};

}  // namespace

// The first byte of each piece, which a zero byte ends, says whose it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest{reinterpret_cast<const char*>(data), size};
    Play play;
    while (!rest.empty()) {
        auto piece = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(std::min(rest.size(), piece.size() + 1));
        if (piece.empty()) continue;
        switch (piece.front() & 3) {
            case 0:
                play.answer(true);
                break;
            case 1:
                play.answer(false);
                break;
            case 2:
                play.lines(piece.substr(1), true);
                break;
            default:
                play.lines(piece.substr(1), false);
                break;
        }
    }
    play.end();
    return 0;
}

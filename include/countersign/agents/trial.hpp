#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/agents/hook.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// How a coding agent is tried where it is installed: against a model of our own that asks for one call of its
// shell. What agents send to models and take from them was measured on the real ones, offline. Nothing here
// reads or writes anything.
namespace countersign::agents {

inline constexpr std::size_t model_body_bytes_max = 16 * 1024 * 1024;

// Holds what a model answers to one request over HTTP.
struct ModelAnswer {
    std::string type = "application/json";  // of its body, as in Content-Type
    std::string body = "{}";
    bool asks = false;                // it is the call of the tool
    std::optional<std::string> told;  // what came of the call, in the words of a hook of ours
};
// Plays the model for one request in any of the dialects in which agents speak to models (Anthropic Messages,
// OpenAI Responses and Chat Completions, Gemini), which its target tells: asks for one call of the agent's
// shell, and says DONE once it is told what became of it.
class TrialModel {
  public:
    TrialModel(Host host, std::string command) : host_(host), command_(std::move(command)) {}
    ModelAnswer answer(std::string_view target, const core::Value& body);

  private:
    Host host_;
    std::string command_;
    std::size_t answers_ = 0;
};

// How an agent is started for a trial.
struct Trial {
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> environment;
    std::vector<std::pair<std::string, std::string>>
        files;  // within the home folder, and what stands in them
};
struct TrialGround {
    std::string home;          // a folder for nothing else
    std::string work;          // where the agent works
    std::string model_url;     // "http://127.0.0.1:4711"
    std::string own_settings;  // the hook in the user's own settings, where no managed file has it
};
// Nothing: this agent cannot be run without its service. invalid_input: its settings cannot be read.
Result<std::optional<Trial>> trial_of(Host host, const TrialGround& ground);

}  // namespace countersign::agents

#pragma once
#include <memory>
#include <string>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/base/signing.hpp"

// Keys that another program holds: a KMS or an HSM, by way of a command that the operator gives.
namespace countersign::server {

inline constexpr int signing_command_seconds_max = 4;                  // then it is killed
inline constexpr std::size_t signing_command_output_max = 16 * 1'024;  // bytes; more is no answer

// Runs the program `command[0]` with the words after it as its arguments, `input` on its standard input,
// without a shell, in a process group of its own, and without any variable of ours (COUNTERSIGN_…). Gives
// back what it wrote. Blocking, at most signing_command_seconds_max. unavailable: it could not be started,
// did not end by itself in time, ended with another code than 0, or wrote too much; the detail has the last
// line of its standard error.
Result<std::string> run_signing_command(const std::vector<std::string>& command, std::string_view input);

// Asks the command for the public key (`… public NAME`), and has it sign from then on (`… sign NAME`): it
// reads the bytes and writes the signature in base64. What the key does not verify is no signature.
// `name`: "log", "decision", "grant".
Result<std::unique_ptr<const Signer>> signer_by_command(std::vector<std::string> command, std::string name);

}  // namespace countersign::server

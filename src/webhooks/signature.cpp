#include "webhooks/signature.hpp"

#include <chrono>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::webhooks {

std::string timestamp(core::Instant at) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch());
    return std::to_string(seconds.count());
}

std::string signature(const std::vector<Secret>& secrets, std::string_view id, core::Instant at,
                      std::string_view body) {
    std::string content{id};
    content.reserve(id.size() + body.size() + 32);
    content += '.';
    content += timestamp(at);
    content += '.';
    content += body;
    std::string value;
    for (const Secret& secret : secrets) {
        if (!value.empty()) value += ' ';
        value += "v1," + base64(as_text(hmac_sha256(secret.reveal(), content)));
    }
    return value;
}

}  // namespace countersign::webhooks

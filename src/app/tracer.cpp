#include "countersign/app/tracer.hpp"

namespace countersign::app {

std::string span_of_entry(core::RequestId request, std::int32_t version) {
    return "entry " + request.text() + " " + std::to_string(version);
}

std::string span_of_act(std::string_view origin) {
    return "act " + std::string(origin);
}

}  // namespace countersign::app

"""Objects of PySyft 0.2.9 as messages of syft-proto, with python3-protobuf: what the C translator is compared with.

Written from the field lists of the two formats, type by type; nothing here reads the C tables. A value is what msgpack
gives for 0.2.9's bytes (lists, str, bytes, numbers). Imported by generate.py and tests/interop/protobuf.py.
"""
import importlib
import pathlib
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "src/pysyft/protobuf/schema"
PARTS = ["ids", "torch", "pointers", "placeholders", "arguments", "execution", "interpreters", "datasets", "messages"]

messages = {}  # short name -> class
full_names = {}


def load(folder):
    """Compiles the schema with protoc and fills `messages`."""
    files = [f"syft_proto/{part}.proto" for part in PARTS]
    subprocess.run(["protoc", f"-I{SCHEMA}", f"--python_out={folder}", *files], check=True)
    sys.path.insert(0, str(folder))
    for part in PARTS:
        module = importlib.import_module(f"syft_proto.{part}_pb2")
        for name, descriptor in module.DESCRIPTOR.message_types_by_name.items():
            messages[name] = getattr(module, name)
            full_names[name] = descriptor.full_name
    empty = importlib.import_module("google.protobuf.empty_pb2")
    messages["Empty"] = empty.Empty
    full_names["Empty"] = "google.protobuf.Empty"


def new(name):
    return messages[name]()


def text(value):
    if value is None:
        return ""
    if isinstance(value, list):
        assert value[0] == 5, value
        value = value[1][0]
    return value.decode() if isinstance(value, bytes) else value


def set_id(field, value):
    if isinstance(value, int):
        field.id_int = value
    else:
        field.id_str = text(value)


def get_id(field):
    return field.id_int if field.WhichOneof("id") == "id_int" else [5, [field.id_str.encode()]]


def labels(value):
    return [] if value is None else [text(tag) for tag in value[1]]


def coded(string):
    return [5, [string.encode()]]


def label(string):
    return coded(string) if string else None


def tag_set(tags, always=True):
    return [3, [coded(tag) for tag in tags]] if tags or always else None


# --- 0.2.9 -> messages ----------------------------------------------------------------------------------------------

COMMUNICATION = {"get", "mid_get", "move", "remote_get", "remote_send", "send", "share", "share_"}
SCRIPTS = ("ScriptModule", "ScriptFunction", "TracedModule", "CFunction")
FORMATS = {1: "channels_last", 2: "contiguous_format", 3: "preserve_format"}
LISTS = {"uint8": "uint8", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64", "float32": "float32",
         "float64": "float64", "bool": "bool"}


def tensor_data(contents, into):
    shape, dtype, values = contents[1][0][1], text(contents[1][1]), contents[1][2][1]
    into.shape.dims.extend(shape)
    into.shape.SetInParent()
    into.dtype = dtype
    getattr(into, "contents_" + LISTS[dtype]).extend(values)


def unwrap(value):
    """A wrapper without elements of its own is what it wraps."""
    if isinstance(value, list) and value[0] == 14 and value[1][2] is not None and value[1][2][0] != 14:
        return value[1][2]
    return value


def bufferize_arg(value, into, communication=False):
    value = unwrap(value)
    if isinstance(value, bool):
        into.arg_bool = value
    elif isinstance(value, int):
        into.arg_int = value
    elif isinstance(value, float):
        into.arg_float = value
    elif isinstance(value, str):
        into.arg_str = value
    elif value[0] == 5:
        into.arg_str = text(value)
    elif value[0] in (1, 6):
        into.arg_list.SetInParent()
        for element in value[1]:
            bufferize_arg(element, into.arg_list.args.add())
    elif value[0] == 11:
        into.arg_shape.SetInParent()
        into.arg_shape.dims.extend(value[1])
    elif value[0] in (30, 63) and communication:
        into.arg_str = text(value[1][0])
    else:
        name = {13: "arg_torch_param", 14: "arg_tensor", 25: "arg_pointer_tensor", 48: "arg_placeholder",
                56: "arg_placeholder_id"}[value[0]]
        getattr(into, name).CopyFrom(bufferize(value))


def action(name, body):
    out = new(name)
    command, target, args, kwargs, return_ids = body[:5]
    out.command = text(command)
    target = unwrap(target)
    if isinstance(target, (int, str)) or (isinstance(target, list) and target[0] == 5):
        set_id(out.target_id, target)
    elif target is not None:
        field = {25: "target_pointer", 56: "target_placeholder_id", 14: "target_tensor"}[target[0]]
        getattr(out, field).CopyFrom(bufferize(target))
    for arg in args[1]:
        bufferize_arg(arg, out.args.add(), out.command in COMMUNICATION)
    for key, value in kwargs[1]:
        bufferize_arg(value, out.kwargs[text(key)])
    for result in (return_ids[1] if return_ids else []):
        if isinstance(result, list) and result[0] == 56:
            out.return_placeholder_ids.append(bufferize(result))
        else:
            set_id(out.return_ids.add(), result)
    return out


def torch_tensor(body):
    out = new("TorchTensor")
    set_id(out.id, body[0])
    if isinstance(body[1], bytes):
        out.contents_bin = body[1]
        out.serializer = 1
    else:
        tensor_data(body[1], out.contents_data)
        out.serializer = 4
    if body[2] is not None:
        out.chain.CopyFrom(bufferize(body[2]))
    if body[3] is not None:
        out.grad_chain.CopyFrom(bufferize(body[3]))
    out.tags.extend(labels(body[4]))
    out.description = text(body[5])
    return out


def parameter(body):
    out = new("Parameter")
    set_id(out.id, body[0])
    out.tensor.CopyFrom(bufferize(body[1]))
    out.requires_grad = body[2]
    if body[3] is not None:
        out.grad.CopyFrom(bufferize(body[3]))
    return out


def number(value):
    return value if isinstance(value, int) else int(text(value))


def additive_sharing(body):
    out = new("AdditiveSharingTensor")
    set_id(out.id, body[0])
    field = number(body[1])
    if field < 1 << 63:
        out.field_int = field
    else:
        out.field_str = str(field)
    out.dtype = body[3].decode()
    set_id(out.crypto_provider_id, body[4])
    for location, share in (body[5][1] if body[5] else []):
        set_id(out.location_ids.add(), location)
        out.shares.append(bufferize(share))
    return out


def replicated_sharing(body):
    out = new("ReplicatedSharingTensor")
    set_id(out.id, body[0])
    ring = number(body[1])
    if ring < 1 << 63:
        out.ring_int = ring
    else:
        out.ring_str = str(ring)
    out.dtype = body[2].decode()
    for location, share in body[3][1]:
        set_id(out.location_ids.add(), location)
        out.shares.append(bufferize(share))
    return out


def fixed_precision(body):
    out = new("FixedPrecisionTensor")
    set_id(out.id, body[0])
    out.field = str(number(body[1]))
    out.dtype = body[2]
    out.base, out.precision_fractional, out.kappa = body[3:6]
    out.tags.extend(labels(body[6]))
    out.description = text(body[7])
    if body[8] is not None:
        out.child.CopyFrom(bufferize(body[8]))
    return out


def pointer(name, body):
    out = new(name)
    set_id(out.object_id, body[0])
    set_id(out.object_id_at_location, body[1])
    set_id(out.location_id, body[2])
    if name in ("PointerTensor", "ObjectPointer"):
        out.point_to_attr = text(body[3])
    if name == "PointerTensor":
        if body[4] is not None:
            out.shape.SetInParent()
            out.shape.dims.extend(body[4][1])
        out.garbage_collect_data = body[5]
    if name in ("PointerPlan", "PointerDataset"):
        out.tags.extend(labels(body[3]))
        out.garbage_collect_data = body[-1]
    if name == "PointerDataset":
        out.description = text(body[4])
    return out


def placeholder(body):
    out = new("Placeholder")
    ident = body[0]
    set_id(out.id, ident[1][0] if isinstance(ident, list) and ident[0] == 56 else ident)
    out.tags.extend(labels(body[1]))
    out.description = text(body[2])
    if len(body) > 3 and body[3] is not None:
        out.expected_shape.SetInParent()
        out.expected_shape.dims.extend(body[3][1])
    return out


def as_action(value, name):
    return action(name, value[1])


def role(body):
    out = new("Role")
    set_id(out.id, body[0])
    out.actions.extend(as_action(step, "ComputationAction") for step in body[1][1])
    out.state.CopyFrom(bufferize(body[2]))
    out.placeholders.extend(bufferize(value) for _, value in body[3][1])
    for ident in body[4]:
        set_id(out.input_placeholder_ids.add(), ident)
    for ident in body[5]:
        set_id(out.output_placeholder_ids.add(), ident)
    return out


def state_tensor(value):
    out = new("StateTensor")
    (out.torch_param if value[0] == 13 else out.torch_tensor).CopyFrom(bufferize(value))
    return out


def state(body):
    out = new("State")
    out.placeholders.extend(bufferize(value) for value in body[0][1])
    out.tensors.extend(state_tensor(value) for value in body[1][1])
    return out


def nested_types(value, out):
    part = out.nested_types
    if value[0] == 61:
        part.nested_type.type_name = value[1].decode()
        part.nested_type.SetInParent()
    elif value[0] == 0:
        part.nested_type_dict.SetInParent()
        for key, inner in value[1]:
            nested_types(inner, part.nested_type_dict.nested_types[text(key)])
    else:
        into = part.nested_type_list if value[0] == 1 else part.nested_type_tuple
        into.SetInParent()
        for inner in value[1]:
            nested_types(inner, into.nested_types.add())
    return out


def plan(body):
    out = new("Plan")
    set_id(out.id, body[0])
    out.role.CopyFrom(bufferize(body[1]))
    out.include_state = body[2]
    out.name = text(body[3])
    out.tags.extend(labels(body[4]))
    out.description = text(body[5])
    if body[6] is not None:
        out.torchscript = body[6][1][0]
    if body[7] is not None:
        out.input_types.CopyFrom(bufferize(body[7]))
    out.base_framework = text(body[8])
    for key, value in (body[9][1] if body[9] else []):
        out.roles[text(key)].CopyFrom(bufferize(value))
    return out


def protocol(body):
    out = new("Protocol")
    set_id(out.id, body[0])
    out.name = text(body[1])
    for key, value in body[2][1]:
        out.roles[text(key)].CopyFrom(bufferize(value))
    out.tags.extend(labels(body[3]))
    out.description = text(body[4])
    return out


def dataset(body):
    out = new("BaseDataset")
    out.data.CopyFrom(bufferize(body[0]))
    out.targets.CopyFrom(bufferize(body[1]))
    set_id(out.id, body[2])
    out.tags.extend(labels(body[3]))
    out.description = text(body[4])
    if body[5] is not None:
        out.child.CopyFrom(bufferize(body[5]))
    return out


def onnx(body):
    out = new("OnnxModel")
    out.serialized_model = body[0]
    set_id(out.id, body[1])
    out.tags.extend(labels(body[2]))
    out.description = text(body[3])
    return out


def string(body):
    out = new("String")
    out.child = text(body[0])
    out.tags.extend(labels(body[2]))
    out.description = text(body[3])
    return out


def one_id(name):
    def make(body):
        out = new(name)
        set_id(out.object_id, body[0])
        return out
    return make


def terms(value):
    return value[1] if isinstance(value, list) and value[0] in (1, 3, 6) else [value]


def command_message(body):
    out = new("TensorCommandMessage")
    if body[0][0] == 54:
        out.computation.CopyFrom(action("ComputationAction", body[0][1]))
    else:
        out.communication.CopyFrom(action("CommunicationAction", body[0][1]))
    return out


def object_request(body):
    out = new("ObjectRequestMessage")
    set_id(out.object_id, body[0])
    out.reason = text(body[2])
    return out


def id_list(name, field):
    def make(value):
        out = new(name)
        for ident in terms(value):
            set_id(getattr(out, field).add(), ident)
        return out
    return make


def command_with_args(name, args_of):
    def make(body):
        out = new(name)
        out.command_name = text(body[0])
        for arg in args_of(body[1]):
            bufferize_arg(arg, out.args.add())
        return out
    return make


def simple(name, field, convert=lambda value: value):
    def make(body):
        out = new(name)
        setattr(out, field, convert(body))
        return out
    return make


def sized(name):
    def make(dims):
        out = new(name)
        out.dims.extend(dims)
        return out
    return make


BUFFERIZE = {
    10: simple("Device", "type", lambda body: text(body[0])), 11: sized("Size"),
    12: simple("ScriptModule", "obj", lambda body: body[0]), 13: parameter, 14: torch_tensor, 15: additive_sharing,
    16: fixed_precision, 20: lambda body: pointer("ObjectPointer", body), 21: plan, 22: state, 24: protocol,
    25: lambda body: pointer("PointerTensor", body), 26: lambda body: pointer("PointerPlan", body), 44: string,
    48: placeholder, 49: simple("MemoryFormat", "memory_format_type", FORMATS.get), 51: dataset,
    52: simple("TorchDType", "torch_type", lambda name: "torch." + name),
    54: lambda body: action("ComputationAction", body), 55: lambda body: action("CommunicationAction", body),
    56: lambda body: id_message("PlaceholderId", body[0]), 57: lambda body: pointer("PointerDataset", body), 58: role,
    61: simple("InputTypeDescriptor", "type_name", lambda name: name.decode()),
    62: lambda body: nested_types(body, new("NestedTypeWrapper")), 67: lambda body: action("StorageAction", body),
    68: onnx, 73: replicated_sharing, 33: command_message,
    34: lambda body: object_message(body[0]), 35: object_request, 36: one_id("IsNoneMessage"),
    37: one_id("GetShapeMessage"), 38: id_list("ForceObjectDeleteMessage", "object_ids"),
    39: lambda body: id_list("SearchMessage", "query")(body[0]),
    40: command_with_args("PlanCommandMessage", lambda args: args[1]),
    53: command_with_args("WorkerCommandMessage", lambda parts: parts[1][0][1]),
}


def id_message(name, value):
    out = new(name)
    set_id(out.id, value)
    return out


def object_message(value):
    out = new("ObjectMessage")
    out.tensor.CopyFrom(bufferize(value))
    return out


def bufferize(value, name=None):
    """The message of a value; `name` where the type alone does not say which."""
    if name == "Arg":
        out = new("Arg")
        bufferize_arg(value, out)
        return out
    if name == "ArgList":
        out = new("ArgList")
        for element in value[1]:
            bufferize_arg(element, out.args.add())
        return out
    if name == "Shape":
        return sized("Shape")(value[1])
    if name == "StateTensor":
        return state_tensor(value)
    if name == "TensorData":
        out = new("TensorData")
        tensor_data(value[1][1], out)
        return out
    if name in SCRIPTS:
        return simple(name, "obj", lambda body: body[0])(value[1])
    if name == "SyftMessage":
        return syft_message(value)
    if value is None:
        return new("Empty")
    if not isinstance(value, list) or value[0] == 5:
        out = new("Id")
        set_id(out, value)
        return out
    value = value if name == "TorchTensor" else unwrap(value)
    return BUFFERIZE[value[0]](value[1])


def syft_message(value):
    out = new("SyftMessage")
    field = {33: "tensor_cmd", 34: "object", 35: "object_request", 36: "is_none", 37: "get_shape", 38: "delete",
             39: "search", 40: "plan_cmd", 53: "worker_cmd", None: "empty"}[value and value[0]]
    field = getattr(out, f"contents_{field}_msg")
    field.SetInParent()
    field.CopyFrom(bufferize(value))
    return out


# --- messages -> 0.2.9 -----------------------------------------------------------------------------------------------

def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def unbufferize_arg(arg, communication=False):
    which = arg.WhichOneof("arg")
    value = getattr(arg, which)
    if which in ("arg_bool", "arg_int", "arg_float"):
        return value
    if which == "arg_str":
        return [63, [coded(value)]] if communication else coded(value)
    if which == "arg_list":
        return [1, [unbufferize_arg(element) for element in value.args]]
    if which == "arg_shape":
        return [11, list(value.dims)]
    return unbufferize(value)


def from_action(code):
    def make(message):
        here = 55 if code == 54 and message.command in COMMUNICATION else code
        target = message.WhichOneof("target")
        if target is not None:
            field = getattr(message, target)
            target = get_id(field) if target == "target_id" else unbufferize(field)
        results = [unbufferize(value) for value in message.return_placeholder_ids] or \
            [get_id(value) for value in message.return_ids]
        return [here, [coded(message.command), target,
                       [6, [unbufferize_arg(arg, message.command in COMMUNICATION) for arg in message.args]],
                       [0, [[coded(key), unbufferize_arg(message.kwargs[key])] for key in sorted(message.kwargs)]],
                       [6, results], False]]
    return make


def from_data(message):
    values = list(getattr(message, "contents_" + message.dtype))
    return [6, [[6, list(message.shape.dims)], coded(message.dtype), [1, values]]]


def from_tensor(message):
    data = message.WhichOneof("contents") == "contents_data"
    return [14, [get_id(message.id), from_data(message.contents_data) if data else message.contents_bin,
                 unbufferize(message.chain) if message.HasField("chain") else None,
                 unbufferize(message.grad_chain) if message.HasField("grad_chain") else None,
                 tag_set(message.tags, False), label(message.description), coded("all" if data else "torch"),
                 None, None]]


def size_of(number_field, text_field, message, which):
    if message.WhichOneof(which) == number_field:
        return getattr(message, number_field)
    return from_digits(getattr(message, text_field))


def from_digits(digits):
    return int(digits) if int(digits) < 1 << 64 else coded(digits)


def from_shares(message):
    return [0, [[get_id(location), unbufferize(share)] for location, share in
                zip(message.location_ids, message.shares)]]


def bare(ident):
    return ident.id_str if ident.WhichOneof("id") == "id_str" else ident.id_int


def optional(message, field):
    return unbufferize(getattr(message, field)) if message.HasField(field) else None


def from_roles(roles):
    return [0, [[coded(key), unbufferize(roles[key])] for key in sorted(roles)]]


def from_types(message):
    part = message.nested_types
    which = part.WhichOneof("nested_container")
    if which == "nested_type":
        return [61, part.nested_type.type_name.encode()]
    if which == "nested_type_dict":
        inner = part.nested_type_dict.nested_types
        return [0, [[coded(key), from_types(inner[key])] for key in sorted(inner)]]
    inner = getattr(part, which).nested_types
    return [1 if which == "nested_type_list" else 6, [from_types(element) for element in inner]]


def shape(message, field, code):
    return [code, list(getattr(message, field).dims)] if message.HasField(field) else None


UNBUFFERIZE = {
    "Device": lambda m: [10, [coded(m.type)]],
    "Size": lambda m: [11, list(m.dims)],
    "Shape": lambda m: [11, list(m.dims)],
    "Parameter": lambda m: [13, [get_id(m.id), unbufferize(m.tensor), m.requires_grad, optional(m, "grad")]],
    "TorchTensor": from_tensor,
    "TensorData": lambda m: [14, [None, from_data(m), None, None, None, None, coded("all"), None, None]],
    "AdditiveSharingTensor": lambda m: [15, [
        get_id(m.id), size_of("field_int", "field_str", m, "field_size"), coded("snn"), m.dtype.encode(),
        get_id(m.crypto_provider_id), from_shares(m),
        {bare(location): share.garbage_collect_data for location, share in zip(m.location_ids, m.shares)}]],
    "ReplicatedSharingTensor": lambda m: [73, [
        get_id(m.id), size_of("ring_int", "ring_str", m, "ring_size"), m.dtype.encode(), from_shares(m)]],
    "FixedPrecisionTensor": lambda m: [16, [
        get_id(m.id), from_digits(m.field), m.dtype, m.base, m.precision_fractional, m.kappa, tag_set(m.tags),
        label(m.description), optional(m, "child")]],
    "ObjectPointer": lambda m: [20, [get_id(m.object_id), get_id(m.object_id_at_location), get_id(m.location_id),
                                     label(m.point_to_attr), False]],
    "PointerTensor": lambda m: [25, [
        get_id(m.object_id), get_id(m.object_id_at_location), get_id(m.location_id), label(m.point_to_attr),
        shape(m, "shape", 11), m.garbage_collect_data, None, None]],
    "PointerPlan": lambda m: [26, [get_id(m.object_id), get_id(m.object_id_at_location), get_id(m.location_id),
                                   tag_set(m.tags), m.garbage_collect_data]],
    "PointerDataset": lambda m: [57, [
        get_id(m.object_id), get_id(m.object_id_at_location), get_id(m.location_id), tag_set(m.tags),
        label(m.description), m.garbage_collect_data]],
    "Plan": lambda m: [21, [
        get_id(m.id), unbufferize(m.role), m.include_state, coded(m.name), tag_set(m.tags), label(m.description),
        [12, [m.torchscript]] if m.torchscript else None, optional(m, "input_types"), coded(m.base_framework),
        from_roles(m.roles)]],
    "Protocol": lambda m: [24, [get_id(m.id), coded(m.name), from_roles(m.roles), tag_set(m.tags),
                                label(m.description)]],
    "State": lambda m: [22, [[1, [unbufferize(value) for value in m.placeholders]],
                             [1, [unbufferize(value) for value in m.tensors]]]],
    "StateTensor": lambda m: unbufferize(getattr(m, m.WhichOneof("tensor"))),
    "Role": lambda m: [58, [
        get_id(m.id), [1, [unbufferize(value) for value in m.actions]], unbufferize(m.state),
        [0, [[get_id(value.id), unbufferize(value)] for value in m.placeholders]],
        [get_id(value) for value in m.input_placeholder_ids], [get_id(value) for value in m.output_placeholder_ids]]],
    "Placeholder": lambda m: [48, [[56, [get_id(m.id)]], tag_set(m.tags), label(m.description),
                                   shape(m, "expected_shape", 6)]],
    "PlaceholderId": lambda m: [56, [get_id(m.id)]],
    "ComputationAction": from_action(54), "CommunicationAction": from_action(55), "StorageAction": from_action(67),
    "String": lambda m: [44, [coded(m.child), None, tag_set(m.tags), label(m.description)]],
    "MemoryFormat": lambda m: [49, next(key for key, name in FORMATS.items() if name == m.memory_format_type)],
    "BaseDataset": lambda m: [51, [unbufferize(m.data), unbufferize(m.targets), get_id(m.id), tag_set(m.tags),
                                   label(m.description), optional(m, "child")]],
    "TorchDType": lambda m: [52, m.torch_type[len("torch."):]],
    "InputTypeDescriptor": lambda m: [61, m.type_name.encode()],
    "NestedTypeWrapper": lambda m: [62, from_types(m)],
    "OnnxModel": lambda m: [68, [m.serialized_model, get_id(m.id), tag_set(m.tags), label(m.description)]],
    "Id": get_id, "Arg": unbufferize_arg, "Empty": lambda m: None,
    "ArgList": lambda m: [6, [unbufferize_arg(arg) for arg in m.args]],
    "TensorCommandMessage": lambda m: [33, [unbufferize(getattr(m, m.WhichOneof("action")))]],
    "ObjectMessage": lambda m: [34, [unbufferize(m.tensor)]],
    "ObjectRequestMessage": lambda m: [35, [get_id(m.object_id), None, label(m.reason)]],
    "IsNoneMessage": lambda m: [36, [get_id(m.object_id)]],
    "GetShapeMessage": lambda m: [37, [get_id(m.object_id)]],
    "ForceObjectDeleteMessage": lambda m: [38, [1, [get_id(value) for value in m.object_ids]]],
    "SearchMessage": lambda m: [39, [[1, [get_id(value) for value in m.query]]]],
    "PlanCommandMessage": lambda m: [40, [coded(m.command_name), [6, [unbufferize_arg(arg) for arg in m.args]]]],
    "WorkerCommandMessage": lambda m: [53, [coded(m.command_name), [6, [
        [6, [unbufferize_arg(arg) for arg in m.args]], [0, []], [1, []]]]]],
    "SyftMessage": lambda m: unbufferize(getattr(m, m.WhichOneof("contents"))),
}
for _name in SCRIPTS:
    UNBUFFERIZE[_name] = lambda m: [12, [m.obj]]


def unbufferize(message):
    return UNBUFFERIZE[message.DESCRIPTOR.name](message)

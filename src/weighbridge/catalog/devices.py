"""What is known of a device: the fields its facts may have, their units, and what is plausible."""

from __future__ import annotations

from weighbridge.catalog.fields import Field

_ALL = (
    Field("memory_bytes", "count", "Memory as its maker prints it, in bytes.", low=1e8, high=1e13),
    Field("usable_memory_bytes", "count", "Memory that programs can have, in bytes.", low=1e8, high=1e13),
    Field("memory_bandwidth", "count", "Bytes a second between memory and compute.", low=1e9, high=1e14),
    Field("bf16_flops", "count", "Dense operations a second in bf16.", low=1e10, high=1e17),
    Field("fp8_flops", "count", "Dense operations a second in fp8.", low=1e10, high=1e17),
    Field("int8_ops", "count", "Dense operations a second in int8.", low=1e10, high=1e17),
    Field("fp4_flops", "count", "Dense operations a second in fp4.", low=1e10, high=1e17),
    Field("generation", "text", "Its maker's family of chips, which speeds are calibrated by: Hopper, RDNA3."),
    Field("link", "text", "How several are joined: NVLink4, PCIe4."),
    Field("link_bandwidth", "count", "Bytes a second to its peers, one way.", low=1e9, high=1e13),
    Field("usd_per_hour", "money", "Rent of one for an hour, in dollars.", low=0.01, high=200),
    Field("usd", "money", "Price of one, in dollars.", low=20, high=1e6),
    Field("watts", "count", "Power it may draw.", low=1, high=3000),
    Field("export", "text", "Where it may not be sold."),
)
DEVICE_FIELDS: dict[str, Field] = {field.name: field for field in _ALL}

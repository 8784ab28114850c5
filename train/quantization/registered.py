"""The schemes that can be named in a project file: one line each, which is the registration.

A class of options imported here is known by its `scheme` everywhere. One with a field `student`
carries out another scheme, and cannot itself be a student.

What is only imported here is no part of the code that another scheme runs (`wakesmith.codehash`).
"""

from train.quantization.clustered_int8 import ClusteredInt8 as ClusteredInt8
from train.quantization.distilled_int8 import DistilledInt8 as DistilledInt8
from train.quantization.dynamic_range import DynamicRange as DynamicRange
from train.quantization.float16 import Float16 as Float16
from train.quantization.float32 import Float32 as Float32
from train.quantization.incremental_int8 import IncrementalInt8 as IncrementalInt8
from train.quantization.linear_int4 import LinearInt4 as LinearInt4
from train.quantization.log4 import Log4 as Log4
from train.quantization.mixed import Mixed as Mixed
from train.quantization.pruned_clustered_int8 import PrunedClusteredInt8 as PrunedClusteredInt8
from train.quantization.pruned_int8 import PrunedInt8 as PrunedInt8
from train.quantization.ptq_int8 import PtqInt8 as PtqInt8
from train.quantization.ptq_int16x8 import PtqInt16x8 as PtqInt16x8
from train.quantization.qat_int8 import QatInt8 as QatInt8

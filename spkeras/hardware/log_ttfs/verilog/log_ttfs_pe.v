// Processing element of a log-TTFS processor: multiplies by adding exponents.
//
// A weight is +-2^(-q / z), a spike at step k has the value 2^(-k / tau), in units of the largest
// product of the layer; G = max(z, tau) = 2^GRID_LOG exponents make one octave. The distance d of
// a product is the sum of both exponents and the offset of its branch. Its fraction selects an
// entry of the mantissa table, its octaves give the shift, and the result is added to the
// accumulator or subtracted from it, clipped at the accumulator's ends.
//
// One synapse a cycle: `load` puts the bias into the accumulator, `valid` adds one product.

`default_nettype none

module log_ttfs_pe #(
    parameter GRID_LOG = 2,           // log2 G
    parameter WEIGHT_SHIFT = 1,       // log2(G / z)
    parameter TIME_SHIFT = 0,         // log2(G / tau)
    parameter EXPONENT_BITS = 12,     // bits of q, including the code of a weight of 0
    parameter ZERO_CODE = 15,         // q of a weight of 0
    parameter TABLE_BITS = 12,        // W, bits of an entry of the mantissa table
    parameter ACCUMULATOR_BITS = 32,  // sign included
    parameter TABLE_FILE = "mantissa.hex"
) (
    input  wire                               clock,
    input  wire                               load,      // take the bias
    input  wire signed [ACCUMULATOR_BITS-1:0] bias,
    input  wire                               valid,     // add one product
    input  wire                               negative,  // sign of the weight
    input  wire        [EXPONENT_BITS-1:0]    exponent,  // q
    input  wire        [7:0]                  spike,     // k
    input  wire        [15:0]                 offset,    // of the branch, in 1 / G octave
    input  wire signed [7:0]                  fraction,  // X, bits below the table's last one
    output reg  signed [ACCUMULATOR_BITS-1:0] sum,
    output reg                                clipped    // an addition since `load` was clipped
);
    localparam WIDE = ACCUMULATOR_BITS + TABLE_BITS;
    localparam GRID = 1 << GRID_LOG;
    localparam INDEX_BITS = GRID_LOG > 0 ? GRID_LOG : 1;

    reg [TABLE_BITS-1:0] mantissa [0:GRID-1];
    initial $readmemh(TABLE_FILE, mantissa);

    // Exponents add up. Rounding the octaves up makes the rest a power from 1 to 2.
    wire [23:0] distance = {8'd0, offset}
        + ({{(24 - EXPONENT_BITS){1'b0}}, exponent} << WEIGHT_SHIFT)
        + ({16'd0, spike} << TIME_SHIFT);
    wire [23:0] rounded = distance + (GRID - 1);
    wire signed [24:0] octaves = {1'b0, rounded >> GRID_LOG};
    wire [INDEX_BITS-1:0] rest = GRID_LOG > 0 ? -distance[INDEX_BITS-1:0] : {INDEX_BITS{1'b0}};
    wire [TABLE_BITS-1:0] entry = mantissa[rest];

    // Shift left while there are fraction bits; a shift to the right truncates.
    wire signed [24:0] left = {{17{fraction[7]}}, fraction} - octaves;
    wire [23:0] right = -left[23:0];
    wire [WIDE-1:0] wide = {{ACCUMULATOR_BITS{1'b0}}, entry};
    wire [WIDE-1:0] magnitude = left[24] ? wide >> right : wide << left[23:0];
    wire present = valid && exponent != ZERO_CODE;

    // One bit more than either operand shows whether the sum fits.
    wire signed [WIDE:0] held = {{(WIDE - ACCUMULATOR_BITS + 1){sum[ACCUMULATOR_BITS-1]}}, sum};
    wire signed [WIDE:0] product = negative ? -$signed({1'b0, magnitude}) : $signed({1'b0, magnitude});
    wire signed [WIDE:0] total = held + product;
    wire signed [WIDE:0] high = {{(WIDE - ACCUMULATOR_BITS + 2){1'b0}}, {(ACCUMULATOR_BITS - 1){1'b1}}};
    wire over = total > high;
    wire under = total < ~high;

    always @(posedge clock) begin
        if (load) begin
            sum <= bias;
            clipped <= 1'b0;
        end else if (present) begin
            sum <= over ? high[ACCUMULATOR_BITS-1:0]
                 : under ? ~high[ACCUMULATOR_BITS-1:0]
                 : total[ACCUMULATOR_BITS-1:0];
            clipped <= clipped | over | under;
        end
    end
endmodule

`default_nettype wire

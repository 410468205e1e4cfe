//! Values on their way to and from PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::Value;
use crate::value::without_nul;

type Failure = Box<dyn Error + Sync + Send>;

/// A NULL fits every type, which `None::<String>` would not; a number fits the integer that the column asks for.
impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(v), &Type::INT8) => v.to_sql(ty, out),
            (Value::Int(v), &Type::INT4) => i32::try_from(*v)?.to_sql(ty, out),
            (Value::Int(v), &Type::INT2) => i16::try_from(*v)?.to_sql(ty, out),
            (Value::Int(v), &Type::BOOL) => (*v != 0).to_sql(ty, out),
            (Value::Int(v), &Type::FLOAT8) => (*v as f64).to_sql(ty, out),
            (Value::Real(v), &Type::FLOAT8) => v.to_sql(ty, out),
            (Value::Text(v), ty) if <&str as ToSql>::accepts(ty) => without_nul(v).as_ref().to_sql(ty, out),
            (Value::Blob(v), &Type::BYTEA) => v.to_sql(ty, out),
            (value, ty) => Err(format!("a parameter is {} where PostgreSQL wants {ty}", value.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Value, Failure> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Value::Int),
            Type::INT4 => i32::from_sql(ty, raw).map(|v| Value::Int(v.into())),
            Type::INT2 => i16::from_sql(ty, raw).map(|v| Value::Int(v.into())),
            Type::BOOL => bool::from_sql(ty, raw).map(|v| Value::Int(v.into())),
            Type::FLOAT8 => f64::from_sql(ty, raw).map(Value::Real),
            Type::FLOAT4 => f32::from_sql(ty, raw).map(|v| Value::Real(v.into())),
            Type::BYTEA => Ok(Value::Blob(raw.to_vec())),
            ref ty if <String as FromSql>::accepts(ty) => String::from_sql(ty, raw).map(Value::Text),
            ref ty => Err(format!("a column of type {ty}: cast it to bigint or text").into()),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Value, Failure> {
        Ok(Value::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
